package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"

	"golang.org/x/net/http2/hpack"
)

// step is one line of input. Strings are octets in latin1, as JSON cannot hold others.
type step struct {
	// Reset begins a new pair of tables, the decoder's of so many bytes.
	Reset *uint32
	// Limit is what the other side allows the encoder's table, and what the decoder allows its own.
	Limit *uint32
	// Encode is a header list: name, value, "sensitive" or "".
	Encode [][3]string
	// Decode is a header block in hexadecimal.
	Decode *string
}

type result struct {
	Block  string      `json:"block,omitempty"`
	Fields [][3]string `json:"fields,omitempty"`
	Error  string      `json:"error,omitempty"`
}

// hpackLines encodes and decodes what it reads, a JSON object per line, and answers a line each.
func hpackLines(_ []string) error {
	var block bytes.Buffer
	var encoder *hpack.Encoder
	var decoder *hpack.Decoder
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	lines := json.NewDecoder(in)
	answers := json.NewEncoder(out)
	for lines.More() {
		var next step
		if err := lines.Decode(&next); err != nil {
			return err
		}
		var answer result
		switch {
		case next.Reset != nil:
			encoder = hpack.NewEncoder(&block)
			encoder.SetMaxDynamicTableSizeLimit(*next.Reset)
			decoder = hpack.NewDecoder(*next.Reset, nil)
			decoder.SetAllowedMaxDynamicTableSize(max(4096, *next.Reset))
		case next.Limit != nil:
			encoder.SetMaxDynamicTableSizeLimit(*next.Limit)
			encoder.SetMaxDynamicTableSize(*next.Limit)
			decoder.SetAllowedMaxDynamicTableSize(*next.Limit)
		case next.Decode != nil:
			answer = decode(decoder, *next.Decode)
		default:
			block.Reset()
			for _, field := range next.Encode {
				encoder.WriteField(hpack.HeaderField{Name: octets(field[0]), Value: octets(field[1]), Sensitive: field[2] != ""})
			}
			answer.Block = hex.EncodeToString(block.Bytes())
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
		if in.Buffered() == 0 {
			out.Flush()
		}
	}
	return nil
}

func decode(decoder *hpack.Decoder, text string) (answer result) {
	block, err := hex.DecodeString(text)
	if err == nil {
		var fields []hpack.HeaderField
		fields, err = decoder.DecodeFull(block)
		for _, field := range fields {
			sensitive := ""
			if field.Sensitive {
				sensitive = "sensitive"
			}
			answer.Fields = append(answer.Fields, [3]string{latin1(field.Name), latin1(field.Value), sensitive})
		}
	}
	if err != nil {
		answer.Error = err.Error()
	}
	return answer
}

func octets(text string) string {
	bytes := make([]byte, 0, len(text))
	for _, unit := range text {
		bytes = append(bytes, byte(unit))
	}
	return string(bytes)
}

func latin1(octets string) string {
	runes := make([]rune, 0, len(octets))
	for i := range len(octets) {
		runes = append(runes, rune(octets[i]))
	}
	return string(runes)
}
