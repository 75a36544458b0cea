package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"time"
)

// maxBody bounds what a browser may send; the largest of this application is a new user.
const maxBody = 64 << 10

var (
	traceparent = regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$`)
	// routes are the parts of the gateway's API that the portal has a use for: it passes on no other.
	routes = []string{
		"POST /api/v1/auth/token", "GET /api/v1/health", "GET /api/v1/stats", "GET /api/v1/jobs",
		"GET /api/v1/users", "POST /api/v1/users", "PATCH /api/v1/users/{id}",
	}
)

// fault is an error in the shape that all services of VoiceHelper share.
type fault struct {
	Field   string `json:"field"`
	Found   string `json:"found"`
	Wanted  string `json:"wanted"`
	Message string `json:"message"`
}

func refuse(w http.ResponseWriter, status int, what fault) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]fault{"error": what})
}

// passOn hands requests to the gateway, so that browsers have one origin to trust.
func passOn(gateway *url.URL, log *slog.Logger) http.Handler {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.ResponseHeaderTimeout = 30 * time.Second
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(gateway)
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"] // of the ingress, which our caller's address is added to
			r.SetXForwarded()
			r.Out.Header.Del("Cookie")
			r.Out.Header.Del("Origin") // the gateway would compare it with its own name
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			log.Error("The gateway does not answer", "cause", err.Error())
			w.Header().Set("Retry-After", "2")
			refuse(w, http.StatusServiceUnavailable, fault{"gateway", "no answer", "an answer", "the gateway does not answer; try again in a moment"})
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if r.ContentLength > maxBody {
			refuse(w, http.StatusRequestEntityTooLarge, fault{"body", "more than 64 KiB", "at most 64 KiB", "the request is too large"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		proxy.ServeHTTP(w, r)
	})
}

func newTrace() string {
	var random [24]byte
	rand.Read(random[:])
	return "00-" + hex.EncodeToString(random[:16]) + "-" + hex.EncodeToString(random[16:]) + "-01"
}
