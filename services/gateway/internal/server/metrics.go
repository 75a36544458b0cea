package server

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"voicehelper/gateway/internal/limit"
)

// metrics have routes in their labels, never paths or users: those are without number.
type metrics struct {
	requests   *prometheus.CounterVec
	latency    *prometheus.HistogramVec
	inFlight   prometheus.Gauge
	flows      *prometheus.GaugeVec
	ends       *prometheus.CounterVec
	firstToken prometheus.Histogram
	refused    *prometheus.CounterVec
	failures   *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry, limiter *limit.Limiter) *metrics {
	make := promauto.With(registry)
	make.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gateway_rate_limit_shared", Help: "1 where replicas count rates together, 0 while Redis is away",
	}, func() float64 {
		if limiter.Shared() {
			return 1
		}
		return 0
	})
	return &metrics{
		requests: make.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests answered"}, []string{"method", "route", "status"}),
		latency: make.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time until a request was answered wholly",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"method", "route"}),
		inFlight: make.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight", Help: "Requests being answered"}),
		flows: make.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gateway_streams", Help: "Streams and sockets that are open"}, []string{"route"}),
		ends: make.NewCounterVec(prometheus.CounterOpts{
			Name: "gateway_stream_ends_total", Help: "Streams and sockets that ended, by who or what ended them"}, []string{"route", "by"}),
		firstToken: make.NewHistogram(prometheus.HistogramOpts{
			Name: "gateway_first_token_seconds", Help: "Time from a question to the first token of its answer",
			Buckets: []float64{.05, .1, .25, .5, 1, 2, 3, 5, 10, 20, 30, 60}}),
		refused: make.NewCounterVec(prometheus.CounterOpts{
			Name: "gateway_refused_total", Help: "Requests refused before any backend was asked"}, []string{"reason"}),
		failures: make.NewCounterVec(prometheus.CounterOpts{
			Name: "gateway_backend_failures_total", Help: "Requests that a backend did not answer as it should"}, []string{"backend", "reason"}),
	}
}
