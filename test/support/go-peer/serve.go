package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// serve answers every request with its body ("hello" without one), an informational response before it and a trailer
// after it. It prints its port, and ends with its standard input.
func serve(args []string) error {
	server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(echo)}
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if len(args) == 2 {
		return server.ServeTLS(listener, args[0], args[1])
	}
	return server.Serve(listener)
}

func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Link", "</a>")
	w.WriteHeader(http.StatusEarlyHints)
	w.Header().Set("X-Proto", r.Proto)
	w.Header().Set("Trailer", "X-Done")
	buffer := make([]byte, 32*1024)
	var total int64
	for {
		n, err := r.Body.Read(buffer)
		total += int64(n)
		w.Write(buffer[:n])
		if err != nil {
			break
		}
	}
	if total == 0 {
		io.WriteString(w, "hello")
	}
	w.Header().Set("X-Done", "yes")
}
