package main

import (
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// seen counts, times and logs requests. A route is its template, never a path: paths are without number, and may hold what is personal.
type seen struct {
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	log      *slog.Logger
}

func newSeen(registry prometheus.Registerer, log *slog.Logger) *seen {
	s := &seen{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "Requests answered"}, []string{"method", "route", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time until a request was answered wholly",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route"}),
		log: log,
	}
	registry.MustRegister(s.requests, s.latency)
	return s
}

func (s *seen) watch(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method != http.MethodGet && method != http.MethodPost && method != http.MethodPatch {
			method = "other"
		}
		trace := ""
		if found := traceparent.FindStringSubmatch(r.Header.Get("Traceparent")); found != nil {
			trace = found[1]
		} else if route != "site" {
			begun := newTrace()
			r.Header.Set("Traceparent", begun)
			r.Header.Del("Tracestate")
			trace = begun[3:35]
		}
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		started := time.Now()
		next.ServeHTTP(answer, r)
		seconds := time.Since(started).Seconds()
		s.requests.WithLabelValues(method, route, strconv.Itoa(answer.status)).Inc()
		s.latency.WithLabelValues(method, route).Observe(seconds)
		level := slog.LevelInfo
		if answer.status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		s.log.Log(r.Context(), level, method+" "+route, "status", answer.status, "seconds", seconds, "trace_id", trace)
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// newLog writes JSON lines as the other services do.
func newLog() *slog.Logger {
	options := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.MessageKey {
			a.Key = "message"
		}
		return a
	}}
	return slog.New(slog.NewJSONHandler(os.Stdout, options)).With("service", service)
}
