package main

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/prometheus/client_golang/prometheus"
)

var pages = fstest.MapFS{
	"index.html":        {Data: []byte("<!doctype html>" + strings.Repeat("<p>a page</p>", 50))},
	"assets/app-1a.js":  {Data: []byte("1")},
	"assets/app-1a.css": {Data: []byte(strings.Repeat("a{}", 99))},
}

type served struct {
	*httptest.Server
	draining *atomic.Bool
	registry *prometheus.Registry
	log      *strings.Builder
	passed   []*http.Request
	bodies   []string
}

// serve starts the portal before a gateway that answers with what it was sent.
func serve(t *testing.T) *served {
	t.Helper()
	s := &served{draining: &atomic.Bool{}, registry: prometheus.NewRegistry(), log: &strings.Builder{}}
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.passed, s.bodies = append(s.passed, r), append(s.bodies, string(body))
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, r.URL.RequestURI())
	}))
	t.Cleanup(gateway.Close)
	address, _ := url.Parse(gateway.URL)
	files, err := readSite(pages)
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(newHandler(files, address, s.registry, s.draining, slog.New(slog.NewJSONHandler(s.log, nil))))
	t.Cleanup(s.Close)
	return s
}

func (s *served) send(t *testing.T, method, target, body string, headers map[string]string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, s.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, _ := io.ReadAll(response.Body)
	return response, string(content)
}

func TestPagesComeWithAStrictPolicy(t *testing.T) {
	s := serve(t)
	response, body := s.send(t, "GET", "/", "", nil)
	if response.StatusCode != 200 || !strings.HasPrefix(body, "<!doctype html>") || response.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("found %d %v %q", response.StatusCode, response.Header, body)
	}
	if found := response.Header.Get("Content-Security-Policy"); strings.Contains(found, "unsafe") || !strings.HasPrefix(found, "default-src 'none'") {
		t.Errorf("policy %q", found)
	}
	if found := response.Header.Get("Cache-Control"); found != "no-cache" {
		t.Errorf("the page may be kept: %q", found)
	}
	response, _ = s.send(t, "GET", "/assets/app-1a.js", "", nil)
	if found := response.Header.Get("Cache-Control"); !strings.Contains(found, "immutable") {
		t.Errorf("an asset is not kept: %q", found)
	}
	if found := response.Header.Get("Content-Type"); found != "text/javascript; charset=utf-8" {
		t.Errorf("type %q", found)
	}
}

func TestWhatGetsSmallerIsSentPacked(t *testing.T) {
	s := serve(t)
	response, body := s.send(t, "GET", "/assets/app-1a.css", "", map[string]string{"Accept-Encoding": "gzip"})
	if response.Header.Get("Content-Encoding") != "gzip" || len(body) >= 297 {
		t.Fatalf("found %v, %d bytes", response.Header, len(body))
	}
	unpacked, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if content, _ := io.ReadAll(unpacked); string(content) != strings.Repeat("a{}", 99) {
		t.Errorf("found %q", content)
	}
	if response, _ := s.send(t, "GET", "/assets/app-1a.js", "", map[string]string{"Accept-Encoding": "gzip"}); response.Header.Get("Content-Encoding") != "" {
		t.Error("one byte was packed")
	}
}

func TestNothingElseIsThere(t *testing.T) {
	s := serve(t)
	for _, target := range []string{"/assets/", "/assets", "/..%2f..%2fetc/passwd", "/%2e%2e/main.go", "/index.html/", "/metrics", "/api/v1/documents", "/api/v1/users/1/2"} {
		response, body := s.send(t, "GET", target, "", nil)
		var found struct{ Error fault }
		if err := json.Unmarshal([]byte(body), &found); response.StatusCode != 404 || err != nil || found.Error.Field != "path" {
			t.Errorf("%s: %d %q", target, response.StatusCode, body)
		}
	}
	if response, _ := s.send(t, "POST", "/", "", nil); response.StatusCode != 405 {
		t.Errorf("POST: %d", response.StatusCode)
	}
	if response, _ := s.send(t, "DELETE", "/api/v1/users/1", "", nil); response.StatusCode != 405 || len(s.passed) != 0 {
		t.Errorf("DELETE: %d, passed on %d", response.StatusCode, len(s.passed))
	}
}

func TestTheGatewaysPartIsPassedOn(t *testing.T) {
	s := serve(t)
	trace := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	headers := map[string]string{"Authorization": "Bearer t", "Cookie": "a=b", "Origin": "http://elsewhere", "Traceparent": trace}
	response, body := s.send(t, "PATCH", "/api/v1/users/7?x=1", `{"disabled":true}`, headers)
	if response.StatusCode != 202 || body != "/api/v1/users/7?x=1" || s.bodies[0] != `{"disabled":true}` {
		t.Fatalf("found %d %q %q", response.StatusCode, body, s.bodies)
	}
	sent := s.passed[0].Header
	if sent.Get("Authorization") != "Bearer t" || sent.Get("Traceparent") != trace || sent.Get("Cookie")+sent.Get("Origin") != "" {
		t.Errorf("passed on %v", sent)
	}
	s.send(t, "GET", "/api/v1/health", "", nil)
	if found := s.passed[1].Header.Get("Traceparent"); !traceparent.MatchString(found) || !strings.Contains(s.log.String(), found[3:35]) {
		t.Errorf("trace %q, log %s", found, s.log)
	}
	if strings.Contains(s.log.String(), "users/7") {
		t.Error("the log has a path in it")
	}
	families, _ := s.registry.Gather()
	routes := ""
	for _, family := range families {
		for _, metric := range family.Metric {
			for _, label := range metric.Label {
				routes += label.GetValue() + " "
			}
		}
	}
	if !strings.Contains(routes, "/api/v1/users/{id} 202") {
		t.Errorf("metrics of %s", routes)
	}
}

func TestALargeBodyIsRefused(t *testing.T) {
	s := serve(t)
	response, body := s.send(t, "POST", "/api/v1/users", strings.Repeat("x", maxBody+1), nil)
	if response.StatusCode != 413 || !strings.Contains(body, `"wanted":"at most 64 KiB"`) || len(s.passed) != 0 {
		t.Errorf("found %d %q", response.StatusCode, body)
	}
}

func TestNoGatewayIsSaid(t *testing.T) {
	files, _ := readSite(pages)
	address, _ := url.Parse("http://127.0.0.1:9")
	handler := newHandler(files, address, prometheus.NewRegistry(), &atomic.Bool{}, slog.New(slog.DiscardHandler))
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest("GET", "/api/v1/health", nil))
	if answer.Code != 503 || answer.Header().Get("Retry-After") != "2" || !strings.Contains(answer.Body.String(), `"field":"gateway"`) {
		t.Errorf("found %d %v %s", answer.Code, answer.Header(), answer.Body)
	}
}

func TestProbes(t *testing.T) {
	s := serve(t)
	for _, step := range []struct {
		draining bool
		target   string
		status   int
	}{{false, "/health", 200}, {false, "/ready", 200}, {true, "/health", 200}, {true, "/ready", 503}} {
		s.draining.Store(step.draining)
		if response, body := s.send(t, "GET", step.target, "", nil); response.StatusCode != step.status {
			t.Errorf("%+v: %d %s", step, response.StatusCode, body)
		}
	}
}

func TestASiteWithoutAPageIsRefused(t *testing.T) {
	if _, err := readSite(fstest.MapFS{"a.js": {Data: []byte("1")}}); err == nil {
		t.Error("it was taken")
	}
}
