// Gateway is the way into VoiceHelper: it knows who asks, bounds how much, and passes on to the service that answers.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"voicehelper/gateway/internal/cancel"
	"voicehelper/gateway/internal/config"
	"voicehelper/gateway/internal/limit"
	"voicehelper/gateway/internal/logs"
	"voicehelper/gateway/internal/server"
	"voicehelper/gateway/internal/telemetry"
	"voicehelper/gateway/internal/token"
)

const (
	service   = "gateway"
	keysEvery = 10 * time.Second // how often the file of keys is looked at
)

var version = "development" // set by the linker

func main() {
	settings, err := config.Read(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	log := logs.New(os.Stdout, settings.LogLevel, service)
	slog.SetDefault(log)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, settings, log); err != nil {
		log.Error("The gateway cannot run", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, and then drains.
func run(ctx context.Context, settings config.Config, log *slog.Logger) error {
	keys, err := token.Open(settings.JWTKeysFile)
	if err != nil {
		return err
	}
	flush, err := telemetry.Start(ctx, service, version, settings.OTLPEndpoint)
	if err != nil {
		return err
	}
	streams, err := cancel.New(settings.NATS, log)
	if err != nil {
		return fmt.Errorf("NATS_URL: %w", err)
	}
	defer streams.Close()
	limiter := limit.New(settings.Redis, log)
	defer limiter.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	api := server.New(settings, keys, limiter, streams, registry, log)
	httpServer := api.HTTP()
	listener, err := net.Listen("tcp", httpServer.Addr)
	if err != nil {
		return err
	}
	grpcListener, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(settings.GRPCPort)))
	if err != nil {
		return err
	}
	grpcServer, states := newGRPC()

	go keys.Watch(ctx, keysEvery, log)
	failed := make(chan error, 2)
	go func() { failed <- httpServer.Serve(listener) }()
	go func() { failed <- grpcServer.Serve(grpcListener) }()
	log.Info("Serving", "version", version, "http", settings.HTTPPort, "grpc", settings.GRPCPort)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}

	log.Info("Stopping")
	states.Shutdown()
	api.Drain(httpServer)
	grpcServer.Stop() // who watches the health has heard of the end
	if err := <-failed; err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Warn("A server ended badly", "error", err)
	}
	last, done := context.WithTimeout(context.Background(), 2*time.Second)
	defer done()
	if err := flush(last); err != nil {
		log.Warn("Some spans were not sent", "error", err)
	}
	log.Info("Stopped")
	return nil
}

// newGRPC serves the standard health service and, with reflection off, nothing that tells of others.
func newGRPC() (*grpc.Server, *health.Server) {
	grpcServer := grpc.NewServer(
		grpc.MaxConcurrentStreams(32), grpc.MaxRecvMsgSize(64<<10), grpc.ConnectionTimeout(10*time.Second), grpc.MaxHeaderListSize(16<<10),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 5 * time.Minute, Time: time.Minute, Timeout: 10 * time.Second}),
	)
	states := health.NewServer()
	grpc_health_v1.RegisterHealthServer(grpcServer, states)
	states.SetServingStatus(service, grpc_health_v1.HealthCheckResponse_SERVING)
	return grpcServer, states
}
