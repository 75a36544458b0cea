// Package server is the gateway's API: who may ask what how often, and which backend answers.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"voicehelper/gateway/internal/apierror"
	"voicehelper/gateway/internal/cancel"
	"voicehelper/gateway/internal/config"
	"voicehelper/gateway/internal/limit"
	"voicehelper/gateway/internal/token"
)

const (
	headerWithin   = 10 * time.Second // for the headers of a request
	connectWithin  = 2 * time.Second
	keepIdle       = 60 * time.Second // connections to backends, which themselves keep them longer: none is closed under a request
	keepIdleClient = 75 * time.Second // connections of clients: longer than those who pool them
	mostHeaders    = 16 << 10         // bytes of a request's headers
	mostJSON       = 1 << 20          // bytes of a request's JSON
)

// errDraining is the cause with which streams end that outlive the drain.
var errDraining = errors.New("the gateway stops")

// Server serves the API.
type Server struct {
	config  config.Config
	log     *slog.Logger
	keys    *token.Keys
	limiter *limit.Limiter
	streams *cancel.Streams
	metrics *metrics

	algo, speech, tts, voice *backend
	watched                  []watched // the backends whose health is told
	health                   health
	users                    users

	requests chan struct{} // a place for each request that is served at once
	flows    chan struct{} // and for each stream and socket
	open     sync.WaitGroup
	draining atomic.Bool
	life     context.Context // ends streams and sockets
	endLife  context.CancelCauseFunc
	handler  http.Handler
}

// New makes the server; it serves nothing yet.
func New(c config.Config, keys *token.Keys, limiter *limit.Limiter, streams *cancel.Streams, registry *prometheus.Registry, log *slog.Logger) *Server {
	s := &Server{
		config: c, log: log, keys: keys, limiter: limiter, streams: streams, metrics: newMetrics(registry, limiter),
		requests: make(chan struct{}, c.MaxConcurrent), flows: make(chan struct{}, c.MaxConcurrent),
	}
	s.users.words = map[string]*word{}
	s.life, s.endLife = context.WithCancelCause(context.Background())
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: connectWithin, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: connectWithin, IdleConnTimeout: keepIdle, MaxIdleConnsPerHost: 32, MaxConnsPerHost: 4 * c.MaxConcurrent,
		MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
	}
	s.algo = s.newBackend("algo-service", c.Algo, transport)
	s.speech = s.newBackend("speech-service", c.Speech, transport)
	s.tts = s.newBackend("tts-service", c.TTS, transport)
	s.voice = s.newBackend("voice-service", c.Voice, transport)
	s.health.client = &http.Client{Transport: transport, Timeout: healthWithin, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	s.watched = []watched{
		{"algo-service", c.Algo, "/ready"}, {"bge-service", c.BGE, "/ready"}, {"faiss-service", c.FAISS, "/ready"},
		{"llm-proxy", c.LLM, "/health/readiness"}, {"speech-service", c.Speech, "/ready"}, {"tts-service", c.TTS, "/ready"},
		{"voice-service", c.Voice, "/ready"},
	}
	pages := promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError)})
	s.handler = s.observe(s.cors(s.dispatch(s.routes(pages))))
	return s
}

// Ready says whether new requests are welcome.
func (s *Server) Ready() bool { return !s.draining.Load() }

// ServeHTTP serves one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// HTTP is the server around it, with its limits of time and size.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Addr: net.JoinHostPort("", strconv.Itoa(s.config.HTTPPort)), Handler: s,
		ReadHeaderTimeout: headerWithin, IdleTimeout: keepIdleClient, MaxHeaderBytes: 2 * mostHeaders,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // of connections that clients cut
	}
}

// Drain is not ready from now on, serves on for a while, and then waits until what runs has ended or the time for it is over.
func (s *Server) Drain(server *http.Server) {
	s.draining.Store(true)
	time.Sleep(s.config.DrainDelay)
	ctx, done := context.WithTimeout(context.Background(), s.config.Grace)
	defer done()
	// Streams that are still running then are told so, while there is a moment left for it.
	last := time.AfterFunc(s.config.Grace*3/4, func() { s.endLife(errDraining) })
	defer last.Stop()
	if err := server.Shutdown(ctx); err != nil {
		s.log.Warn("Requests were still running at the end", "error", err)
		_ = server.Close()
	}
	sockets := make(chan struct{})
	go func() { s.open.Wait(); close(sockets) }()
	select {
	case <-sockets:
	case <-ctx.Done():
		s.log.Warn("Sockets were still open at the end")
	}
}

// access is who may use a route.
type access int

const (
	anybody access = iota
	user
	operator
)

// route is one operation of the API.
type route struct {
	method, path string
	access       access
	takes        body
	flows        bool // counts among the streams and sockets, not among the requests
	unlimited    bool // by rate and number: for those who watch it
	socket       bool
	serve        func(http.ResponseWriter, *http.Request, *exchange)
}

// routes is the whole API, in the order of openapi.json.
func (s *Server) routes(pages http.Handler) []route {
	get := func(path, to string) route {
		return route{method: http.MethodGet, path: path, access: user, serve: s.pass(s.algo, to, answer{kind: "application/json"})}
	}
	remove := func(path, to string) route {
		return route{method: http.MethodDelete, path: path, access: user, serve: s.pass(s.algo, to, answer{})}
	}
	forOperators := func(r route) route {
		r.access = operator
		return r
	}
	const api = "/api/v1"
	return []route{
		{method: http.MethodGet, path: "/health", unlimited: true, serve: s.alive},
		{method: http.MethodGet, path: "/ready", unlimited: true, serve: s.ready},
		{method: http.MethodGet, path: "/metrics", unlimited: true, serve: s.metricsPage(pages)},
		{method: http.MethodGet, path: api + "/health", serve: s.backends},

		{method: http.MethodPost, path: api + "/auth/token", takes: jsonBody, serve: s.login},

		{method: http.MethodPost, path: api + "/chat/stream", access: user, takes: jsonBody, flows: true, serve: s.chat},
		{method: http.MethodPost, path: api + "/chat/cancel", access: user, takes: jsonBody, serve: s.cancelChat},

		{method: http.MethodPost, path: api + "/voice/transcribe", access: user, takes: audioBody,
			serve: s.active(s.pass(s.speech, "/transcribe", answer{kind: "application/json", long: true}))},
		{method: http.MethodPost, path: api + "/voice/synthesize", access: user, takes: jsonBody,
			serve: s.active(s.pass(s.tts, "/synthesize", answer{kind: "audio/*", long: true, again: true}))},
		{method: http.MethodGet, path: api + "/voice/stream", access: user, flows: true, socket: true, serve: s.join(s.algo, "/voice/stream")},
		{method: http.MethodGet, path: api + "/voice/call", access: user, flows: true, socket: true, serve: s.active(s.join(s.voice, "/call"))},

		{method: http.MethodPost, path: api + "/search", access: user, takes: jsonBody,
			serve: s.pass(s.algo, "/search", answer{kind: "application/json", again: true})},

		{method: http.MethodPost, path: api + "/documents", access: user, takes: documentBody,
			serve: s.pass(s.algo, "/ingest", answer{kind: "application/json", long: true})},
		get(api+"/documents", "/documents"),
		get(api+"/documents/{id}", "/documents/{id}"),
		remove(api+"/documents/{id}", "/documents/{id}"),
		{method: http.MethodGet, path: api + "/documents/{id}/content", access: user,
			serve: s.pass(s.algo, "/documents/{id}/content", answer{long: true, attached: true})},

		get(api+"/conversations", "/conversations"),
		get(api+"/conversations/{id}", "/conversations/{id}"),
		remove(api+"/conversations/{id}", "/conversations/{id}"),

		get(api+"/jobs", "/jobs"),
		get(api+"/jobs/{id}", "/jobs/{id}"),

		forOperators(get(api+"/stats", "/stats")),
		forOperators(get(api+"/users", "/users")),
		{method: http.MethodPost, path: api + "/users", access: operator, takes: jsonBody,
			serve: s.pass(s.algo, "/users", answer{kind: "application/json"})},
		{method: http.MethodPatch, path: api + "/users/{id}", access: operator, takes: jsonBody,
			serve: s.pass(s.algo, "/users/{id}", answer{kind: "application/json"})},
		forOperators(remove(api+"/users/{id}", "/users/{id}")),
	}
}

// dispatch finds the route of a request.
func (s *Server) dispatch(routes []route) http.Handler {
	mux := http.NewServeMux()
	methods := map[string]map[string]http.Handler{}
	for _, r := range routes {
		if methods[r.path] == nil {
			methods[r.path] = map[string]http.Handler{}
			mux.HandleFunc(r.path, func(w http.ResponseWriter, request *http.Request) {
				handler, is := methods[r.path][request.Method]
				if !is {
					allowed := allow(methods[r.path])
					w.Header().Set("Allow", allowed)
					refuseUnread(w, request, apierror.New(http.StatusMethodNotAllowed, "method", apierror.Quote(request.Method), allowed))
					return
				}
				handler.ServeHTTP(w, request)
			})
		}
		methods[r.path][r.method] = s.guard(r)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" || path.Clean(r.URL.Path) != r.URL.Path {
			refuseUnread(w, r, notFound(r.URL))
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func allow(handlers map[string]http.Handler) string {
	var text string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		if handlers[method] != nil && text != "" {
			text += ", "
		}
		if handlers[method] != nil {
			text += method
		}
	}
	return text
}

func notFound(at *url.URL) *apierror.Error {
	return apierror.New(http.StatusNotFound, "path", apierror.Quote(at.Path), "a path of this API")
}
