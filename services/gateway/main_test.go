package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"voicehelper/gateway/internal/config"
)

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// The whole program: it serves on both ports, and a stop is told to those who watch before it ends.
func TestRun(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte(strings.Repeat("k", 64)), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := config.Read(func(name string) string {
		return map[string]string{"ALGO_SERVICE_URL": "http://127.0.0.1:1", "JWT_KEYS_FILE": keys, "DRAIN_SECONDS": "0.2", "GRACE_SECONDS": "1",
			"HTTP_PORT": strconv.Itoa(freePort(t)), "GRPC_PORT": strconv.Itoa(freePort(t))}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, settings, slog.New(slog.DiscardHandler)) }()

	connection, err := grpc.NewClient(net.JoinHostPort("127.0.0.1", strconv.Itoa(settings.GRPCPort)), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	within, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	health := grpc_health_v1.NewHealthClient(connection)
	for _, name := range []string{"", service} {
		answer, err := health.Check(within, &grpc_health_v1.HealthCheckRequest{Service: name}, grpc.WaitForReady(true))
		if err != nil || answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("%q: found %v, %v", name, answer, err)
		}
	}
	reflection, err := grpc_reflection_v1.NewServerReflectionClient(connection).ServerReflectionInfo(within)
	if err == nil {
		_, err = reflection.Recv()
	}
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("reflection: found %v", err)
	}
	watch, err := health.Watch(within, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := watch.Recv(); err != nil || answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("found %v, %v", answer, err)
	}
	at := url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(settings.HTTPPort)), Path: "/ready"}
	if response, err := http.Get(at.String()); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("found %v, %v", response, err)
	} else {
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}

	stop()
	if answer, err := watch.Recv(); err != nil || answer.Status != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("at the stop: found %v, %v", answer, err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not stop")
	}
}
