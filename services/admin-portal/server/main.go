// Admin-portal serves the portal of VoiceHelper's operators: the files of the application, and the part of the gateway's API that it calls.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	service   = "admin-portal"
	drainTime = 20 * time.Second
)

func main() {
	log := newLog()
	if err := run(log); err != nil {
		log.Error("The portal cannot run", "cause", err.Error())
		os.Exit(1)
	}
}

// run serves until SIGTERM, then answers what it has begun.
func run(log *slog.Logger) error {
	gateway, err := url.Parse(setting("GATEWAY_URL", "http://gateway:8080"))
	if err != nil || gateway.Host == "" {
		return fmt.Errorf("GATEWAY_URL: found %q, wanted an address as http://gateway:8080", os.Getenv("GATEWAY_URL"))
	}
	files, err := readSite(os.DirFS(setting("SITE_DIR", "/site")))
	if err != nil {
		return fmt.Errorf("SITE_DIR: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var draining atomic.Bool
	portal := newServer(setting("PORT", "3001"), newHandler(files, gateway, registry, &draining, log))
	metrics := newServer(setting("METRICS_PORT", "9464"), newMetrics(registry))

	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	failed := make(chan error, 2)
	for _, server := range []*http.Server{portal, metrics} {
		listener, err := net.Listen("tcp", server.Addr)
		if err != nil {
			return err
		}
		go func() { failed <- server.Serve(listener) }()
	}
	log.Info("The portal serves", "address", portal.Addr, "files", len(files))
	select {
	case err := <-failed:
		return err
	case <-stopped.Done():
	}
	draining.Store(true)
	log.Info("The portal drains")
	bounded, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return errors.Join(portal.Shutdown(bounded), metrics.Close())
}

// newHandler is the whole of what browsers and probes reach.
func newHandler(files site, gateway *url.URL, registry prometheus.Registerer, draining *atomic.Bool, log *slog.Logger) http.Handler {
	seen := newSeen(registry, log)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, r *http.Request) {
		if draining.Load() {
			say(w, http.StatusServiceUnavailable, "draining")
			return
		}
		say(w, http.StatusOK, "ready")
	})
	api := passOn(gateway, log)
	for _, route := range routes {
		mux.Handle(route, seen.watch(route[strings.Index(route, "/"):], api))
	}
	mux.Handle("/", seen.watch("site", files))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

func newMetrics(registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// newServer bounds what a slow or endless client can take.
func newServer(port string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr: ":" + port, Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: 75 * time.Second, MaxHeaderBytes: 16 << 10,
	}
}

func say(w http.ResponseWriter, status int, what string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, "{\"status\": %q}\n", what)
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
