// summary: show what a script of the team can use
// arguments: [name]
//
// Run it: flow script hello world. Scripts are run by zx: $`command`, argv, fs, path, … are there.

const [name = "world"] = argv._;
const { stdout } = await $`flow --version`;
echo(`Hello ${name}, this is flow ${stdout.trim()} in ${process.env.FLOW_HOME}`);
