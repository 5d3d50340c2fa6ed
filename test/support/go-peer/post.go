package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
)

// post sends COUNT requests at once over one connection, and wants each body back, over HTTP/2, with the trailer of
// an answer that is complete.
func post(args []string) error {
	if len(args) < 3 {
		return errors.New("post URL COUNT BYTES [CA]")
	}
	count, _ := strconv.Atoi(args[1])
	size, _ := strconv.Atoi(args[2])
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	if len(args) > 3 {
		pem, err := os.ReadFile(args[3])
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
		transport.Protocols.SetHTTP2(true)
	}
	client := &http.Client{Transport: transport}
	failed := make(chan error, count)
	var group sync.WaitGroup
	for i := range count {
		group.Go(func() {
			body := bytes.Repeat([]byte{byte(i), byte(i >> 8), '\n'}, size/3+1)[:size]
			failed <- echoed(client, args[0], body)
		})
	}
	group.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return err
		}
	}
	fmt.Println(count, "answers")
	return nil
}

func echoed(client *http.Client, url string, body []byte) error {
	answer, err := client.Post(url, "text/plain", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.ProtoMajor != 2 || answer.StatusCode != 200 || answer.Trailer.Get("X-Done") != "yes" || !bytes.Equal(got, body) {
		return fmt.Errorf("%s %d, %d bytes of %d, trailers %v", answer.Proto, answer.StatusCode, len(got), len(body), answer.Trailer)
	}
	return nil
}
