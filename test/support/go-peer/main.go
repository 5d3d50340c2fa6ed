// Command go-peer is Go's own HTTP/2, to be tested against: a server, a client and a header compressor.
package main

import (
	"fmt"
	"os"
)

func main() {
	run := map[string]func(args []string) error{"serve": serve, "post": post, "hpack": hpackLines}
	if len(os.Args) < 2 || run[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go-peer serve [CERT KEY] | post URL COUNT BYTES [CA] | hpack")
		os.Exit(2)
	}
	if err := run[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "go-peer:", err)
		os.Exit(1)
	}
}
