package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"voicehelper/gateway/internal/apierror"
	"voicehelper/gateway/internal/cancel"
	"voicehelper/gateway/internal/config"
	"voicehelper/gateway/internal/limit"
	"voicehelper/gateway/internal/telemetry"
	"voicehelper/gateway/internal/token"
)

const (
	userID     = "0198c1f0-0000-7000-8000-000000000001"
	operatorID = "0198c1f0-0000-7000-8000-000000000002"
	key        = "a-key-of-these-tests-that-is-64-bytes-long-0123456789-0123456789"
)

func TestMain(m *testing.M) {
	stop, err := telemetry.Start(context.Background(), "gateway", "test", "")
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = stop(context.Background())
	os.Exit(code)
}

// gateway is one that serves over a real connection.
type gateway struct {
	*Server
	t        *testing.T
	url      string
	http     *http.Server
	registry *prometheus.Registry
	log      *bytes.Buffer // to be read after the end
}

// start runs a gateway before a backend that is all of them, with users who may all work; tweak changes its settings.
func start(t *testing.T, backend http.Handler, tweak ...func(*config.Config)) *gateway {
	t.Helper()
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/user" {
			mayWork(w, r)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(far.Close)
	at, err := url.Parse(far.URL)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Config{
		JWTKeysFile: path, JWTLifetime: 24 * time.Hour, CORSOrigins: []string{"https://voicehelper.local"},
		MaxConcurrent: 100, MaxUploadBytes: 4 << 20, RequestTimeout: 10 * time.Second, UploadTimeout: 30 * time.Second, ClientStall: 10 * time.Second,
		StreamIdle: 10 * time.Second, StreamTimeout: 30 * time.Second, Grace: 2 * time.Second, UserCache: time.Minute,
		Algo: at, Speech: at, TTS: at, Voice: at,
	}
	for _, change := range tweak {
		change(&c)
	}
	keys, err := token.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	streams, err := cancel.New(c.NATS, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(streams.Close)
	g := &gateway{t: t, registry: prometheus.NewRegistry()}
	g.Server = New(c, keys, limit.New(c.Redis, log), streams, g.registry, log)
	g.http = g.HTTP()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.url = "http://" + listener.Addr().String()
	go func() { _ = g.http.Serve(listener) }()
	t.Cleanup(func() { g.endLife(errDraining); _ = g.http.Close() })
	return g
}

// sign makes a good token.
func (g *gateway) sign(id string, role token.Role) string {
	g.t.Helper()
	text, err := g.keys.Sign(token.Identity{ID: id, Name: "li", Role: role}, time.Hour)
	if err != nil {
		g.t.Fatal(err)
	}
	return text
}

// request is one of a user, whose body is JSON if it has one.
func (g *gateway) request(method, path, body string) *http.Request {
	g.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(g.t.Context(), method, g.url+path, reader)
	if err != nil {
		g.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Authorization", "Bearer "+g.sign(userID, token.User))
	return request
}

// do sends it and reads the whole answer.
func (g *gateway) do(request *http.Request) (*http.Response, string) {
	g.t.Helper()
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return response, string(body)
}

// refused checks that an answer is an error in the common form, about a field.
func (g *gateway) refused(request *http.Request, status int, field string) (*http.Response, *apierror.Error) {
	g.t.Helper()
	response, body := g.do(request)
	var said apierror.Body
	if response.StatusCode != status || response.Header.Get("Content-Type") != "application/json" || json.Unmarshal([]byte(body), &said) != nil ||
		said.Error == nil || said.Error.Field != field || said.Error.Found == "" || said.Error.Wanted == "" || said.Error.Message == "" {
		g.t.Errorf("%s %s: found %s %s %q, wanted %d about %s", request.Method, request.URL.Path, response.Status, response.Header.Get("Content-Type"),
			body, status, field)
	}
	if response.Header.Get("X-Request-Id") == "" {
		g.t.Error("an answer without request id")
	}
	return response, said.Error
}

// says answers with JSON.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// mayWork is algo-service's word that a user may still work.
func mayWork(w http.ResponseWriter, r *http.Request) {
	says(200, `{"user_id": "`+r.Header.Get("X-User-Id")+`", "role": "user"}`)(w, r)
}

// soon waits until something holds.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}
