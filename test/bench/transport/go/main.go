// Command peer is grpc-go as program.ts runs the other peers: `peer server`, `peer client PORT`.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"flow.test/bench/pb"
)

const getPath, readPath = "/test.Bench/Get", "/test.Bench/Read"

// What program.ts's peers send, from the environment as ProtoJSON.
var (
	lookup  = message("BENCH_LOOKUP", &pb.Lookup{})
	product = message("BENCH_PRODUCT", &pb.Product{})
)

func main() {
	if os.Args[1] == "server" {
		serve()
		return
	}
	connection, err := grpc.NewClient("passthrough:///127.0.0.1:"+os.Args[2], grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	fmt.Println(0)
	answer(func(line []byte) *result {
		var what load
		check(json.Unmarshal(line, &what))
		return what.run(connection)
	})
}

type bench struct{}

func get(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	request := &pb.Lookup{}
	if err := decode(request); err != nil {
		return nil, err
	}
	return &pb.Product{
		Id: request.Id, Name: product.Name, Description: product.Description, Price: product.Price,
		Available: product.Available, Tags: product.Tags, Variants: product.Variants, Weight: product.Weight,
	}, nil
}

func read(_ any, stream grpc.ServerStream) error {
	request := &pb.ReadRequest{}
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	chunk := &pb.Chunk{Data: make([]byte, request.Bytes)}
	for {
		if err := stream.SendMsg(chunk); err != nil {
			return err
		}
	}
}

var description = grpc.ServiceDesc{
	ServiceName: "test.Bench",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Get", Handler: get}},
	Streams:     []grpc.StreamDesc{{StreamName: "Read", Handler: read, ServerStreams: true}},
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := grpc.NewServer()
	server.RegisterService(&description, bench{})
	go func() { check(server.Serve(listener)) }()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	answer(func([]byte) *result { return nil })
}

type load struct {
	Kind                          string
	Concurrency, PerSecond, Bytes int
	Ms                            float64
}

type result struct {
	Count int     `json:"count"`
	Ms    float64 `json:"ms"`
	CpuMs float64 `json:"cpuMs"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
}

func (l load) run(connection *grpc.ClientConn) *result {
	cpu, begin := cpuMs(), time.Now()
	end := begin.Add(time.Duration(l.Ms * float64(time.Millisecond)))
	count := 0
	var all []time.Duration
	switch l.Kind {
	case "stream":
		count = l.stream(connection, end)
	case "paced":
		all = l.paced(connection, end)
	default:
		all = l.calls(connection, end)
	}
	ms := float64(time.Since(begin)) / float64(time.Millisecond)
	used := cpuMs() - cpu
	slices.Sort(all)
	at := func(part float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return float64(all[int(float64(len(all))*part)].Nanoseconds()) / 1000
	}
	return &result{count + len(all), ms, used, at(0.5), at(0.99)}
}

func call(connection *grpc.ClientConn) {
	check(connection.Invoke(context.Background(), getPath, lookup, &pb.Product{}))
}

func (l load) calls(connection *grpc.ClientConn, end time.Time) []time.Duration {
	each := make([][]time.Duration, l.Concurrency)
	var wait sync.WaitGroup
	for index := range each {
		wait.Go(func() {
			for now := time.Now(); now.Before(end); {
				call(connection)
				after := time.Now()
				each[index] = append(each[index], after.Sub(now))
				now = after
			}
		})
	}
	wait.Wait()
	return slices.Concat(each...)
}

func (l load) paced(connection *grpc.ClientConn, end time.Time) []time.Duration {
	var all []time.Duration
	var lock sync.Mutex
	var wait sync.WaitGroup
	gap := time.Second / time.Duration(l.PerSecond)
	for due := time.Now(); due.Before(end); time.Sleep(time.Millisecond) {
		for now := time.Now(); !due.After(now) && due.Before(end); due = due.Add(gap) {
			from := due
			wait.Go(func() {
				call(connection)
				lock.Lock()
				all = append(all, time.Since(from))
				lock.Unlock()
			})
		}
	}
	wait.Wait()
	return all
}

func (l load) stream(connection *grpc.ClientConn, end time.Time) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := connection.NewStream(ctx, &description.Streams[0], readPath)
	check(err)
	check(stream.SendMsg(&pb.ReadRequest{Bytes: int32(l.Bytes)}))
	check(stream.CloseSend())
	count := 0
	for count%16 != 0 || count == 0 || time.Now().Before(end) {
		check(stream.RecvMsg(&pb.Chunk{}))
		count++
	}
	return count
}

func answer(run func(line []byte) *result) {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		done := run(lines.Bytes())
		text, err := json.Marshal(map[string]any{"cpuMs": cpuMs(), "load": done})
		check(err)
		fmt.Println(string(text))
	}
}

func cpuMs() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}

func message[T proto.Message](variable string, into T) T {
	check(protojson.Unmarshal([]byte(os.Getenv(variable)), into))
	return into
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
