/** The Consul API that the embedded agent serves, and that it is not HashiCorp's program (semver build metadata). */
export const embeddedVersion = "1.13.9+flow.embedded";
