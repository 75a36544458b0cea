package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"voicehelper/gateway/internal/config"
)

// What passes to a backend and back, and what does not.
func TestHeaders(t *testing.T) {
	var seen http.Header
	var path string
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen, path = r.Header, r.RequestURI
		w.Header().Set("Set-Cookie", "session=1")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Server", "uvicorn")
		says(200, `{"documents": [], "next": null}`)(w, r)
	}))
	request := g.request("GET", "/api/v1/documents?limit=5&cursor=a%2Fb", "")
	for name, value := range map[string]string{
		"Cookie": "session=1", "X-User-Id": operatorID, "X-User-Role": "operator", "X-Forwarded-For": "192.0.2.1", "X-Request-Id": "request-of-the-client",
		"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate": "vendor=1", "Accept-Language": "zh", "Connection": "X-Request-Id",
	} {
		request.Header.Set(name, value)
	}
	response, body := g.do(request)
	if response.StatusCode != 200 || body != `{"documents": [], "next": null}` || path != "/documents?limit=5&cursor=a%2Fb" {
		t.Errorf("found %s %s of %s", response.Status, body, path)
	}
	for name, wanted := range map[string]string{
		"Authorization": "", "Cookie": "", "X-User-Id": userID, "X-User-Role": "user", "X-Forwarded-For": "", "Tracestate": "vendor=1", "Accept-Language": "zh",
		"X-Request-Id": "request-of-the-client",
	} {
		if found := strings.Join(seen.Values(name), "|"); found != wanted {
			t.Errorf("%s: found %q, wanted %q", name, found, wanted)
		}
	}
	parent := seen.Get("Traceparent")
	if !strings.HasPrefix(parent, "00-0af7651916cd43dd8448eb211c80319c-") || strings.Contains(parent, "b7ad6b7169203331") {
		t.Errorf("traceparent is %q: wanted the same trace and another parent", parent)
	}
	if response.Header.Get("X-Request-Id") != "request-of-the-client" || response.Header.Get("Set-Cookie") != "" || response.Header.Get("Server") != "" ||
		response.Header.Get("Access-Control-Allow-Origin") != "" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("found %v", response.Header)
	}

	request = g.request("GET", "/api/v1/documents/doc_1-A", "")
	request.Header.Set("X-Request-Id", "a.b.c.> is no id")
	response, _ = g.do(request)
	if made := response.Header.Get("X-Request-Id"); !formOfRequestID.MatchString(made) || seen.Get("X-Request-Id") != made || path != "/documents/doc_1-A" {
		t.Errorf("found %q and %q of %s", made, seen.Get("X-Request-Id"), path)
	}
	if !strings.HasPrefix(seen.Get("Traceparent"), "00-") {
		t.Error("a request without a trace gets none")
	}
}

func TestBodiesPassAsTheyAre(t *testing.T) {
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.RequestURI, "/") {
			t.Errorf("found %q as the target of a request", r.RequestURI) // Go takes it, others do not
		}
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		kind := "application/json"
		if r.URL.Path == "/synthesize" {
			kind = "audio/wav"
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write([]byte(r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type") + " "))
		_, _ = w.Write(text)
	}))
	for _, test := range []struct{ method, path, kind, body, wanted string }{
		{"POST", "/api/v1/search", "application/json; charset=utf-8", `{"query": "什么"}`, "POST /search "},
		{"POST", "/api/v1/documents", "multipart/form-data; boundary=x", strings.Repeat("a", 1<<20), "POST /ingest "},
		{"POST", "/api/v1/voice/transcribe", "audio/wav", "RIFF\x00\xff", "POST /transcribe "},
		{"POST", "/api/v1/voice/synthesize", "application/json", `{"text": "a"}`, "POST /synthesize "},
	} {
		request := g.request(test.method, test.path, test.body)
		request.Header.Set("Content-Type", test.kind)
		if response, body := g.do(request); response.StatusCode != 200 || body != test.wanted+test.kind+" "+test.body {
			t.Errorf("%s: found %s %.100q", test.path, response.Status, body)
		}
	}
}

// Backends that do not do what they should.
func TestBadBackends(t *testing.T) {
	for name, test := range map[string]struct {
		backend http.HandlerFunc
		status  int
		field   string
		wanted  string // in the message
	}{
		"error as it should be": {says(400, `{"error": {"field": "query", "found": "a number", "wanted": "a text", "message": "query: that"}}`), 400, "query", "that"},
		"busy":                  {says(503, `{"error": {"field": "neo4j", "found": "away", "wanted": "there", "message": "neo4j: away"}}`), 503, "neo4j", "away"},
		"error of a framework":  {says(422, `{"detail": [{"loc": ["body"]}]}`), 422, "algo-service", "422"},
		"error of a proxy": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, "<html>Traceback: secret</html>")
		}, 502, "algo-service", "500"},
		"huge error": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			for range 1000 {
				_, _ = w.Write(make([]byte, 10<<10))
			}
		}, 404, "algo-service", "404"},
		"wrong kind": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>")
		}, 502, "algo-service", "text/html"},
		"no kind":  {func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil }, 502, "algo-service", "as its API says"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://169.254.169.254/", 302) }, 502, "algo-service", "302"},
		"slow": {func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // until then, nobody tells it that the gateway went away
			<-r.Context().Done()
		}, 504, "algo-service", "time"},
		"cut": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 502, "algo-service", "cut"},
		"huge header": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Huge", strings.Repeat("a", 1<<20))
			says(200, `{}`)(w, r)
		}, 502, "algo-service", "as its API says"},
		"no HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			connection, _, _ := w.(http.Hijacker).Hijack()
			_, _ = io.WriteString(connection, "SSH-2.0-OpenSSH_9.2\r\n")
			connection.Close()
		}, 502, "algo-service", "as its API says"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, test.backend, func(c *config.Config) {
				if name == "slow" {
					c.RequestTimeout = 300 * time.Millisecond
				}
			})
			for path, body := range map[string]string{"/api/v1/documents": "", "/api/v1/search": `{"query": "a"}`, "/api/v1/auth/token": `{"username": "a", "password": "b"}`} {
				method := "GET"
				if body != "" {
					method = "POST"
				}
				if _, said := g.refused(g.request(method, path, body), test.status, test.field); said == nil || !strings.Contains(said.Message, test.wanted) ||
					strings.Contains(said.Message, "secret") {
					t.Errorf("%s: it says %v", path, said)
				}
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	listener.Close()
	g := start(t, says(200, `{}`), func(c *config.Config) { c.Algo = at })
	response, _ := g.refused(g.request("GET", "/api/v1/documents", ""), 503, "algo-service")
	if response.Header.Get("Retry-After") != "1" {
		t.Error("it does not say when to try again")
	}
	g.refused(g.request("POST", "/api/v1/chat/stream", `{"query": "a"}`), 503, "algo-service")
	g = start(t, says(200, `{}`), func(c *config.Config) { c.TTS = nil })
	g.refused(g.request("POST", "/api/v1/voice/synthesize", `{"text": "a"}`), 503, "tts-service")
}

// An answer that is cut in the middle must not look whole.
func TestCutInTheMiddle(t *testing.T) {
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"documents": [`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	response, err := http.DefaultTransport.RoundTrip(g.request("GET", "/api/v1/documents", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("%q seems whole", text)
	}
}

// A connection that a backend closed just as a request came over it costs the client nothing, where asking twice does no harm.
func TestConnectionThatWasClosedMeanwhile(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() { // answers one request a connection as if there could be more, and closes at the second
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				buffer := make([]byte, 4096)
				_, _ = connection.Read(buffer)
				_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
				_, _ = connection.Read(buffer)
			}()
		}
	}()
	at := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	g := start(t, nil, func(c *config.Config) { c.Algo = at })
	for range 10 {
		if response, body := g.do(g.request("POST", "/api/v1/search", `{"query": "a"}`)); response.StatusCode != 200 || body != "{}" {
			t.Errorf("found %s %s", response.Status, body)
		}
	}
}

func TestAnswersThatAreSaved(t *testing.T) {
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<script>alert(1)</script>")
	}))
	response, _ := g.do(g.request("GET", "/api/v1/documents/a/content", ""))
	if response.StatusCode != 200 || response.Header.Get("Content-Disposition") != "attachment" || !strings.Contains(response.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("found %s %v", response.Status, response.Header)
	}
}

// A gigabyte each way costs no more memory than its buffers.
func TestHugeBodiesAreNotHeld(t *testing.T) {
	const size = 256 << 20
	var got atomic.Int64
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		got.Store(n)
		w.Header().Set("Content-Type", "application/json")
		part := make([]byte, 1<<20)
		for range size / len(part) {
			_, _ = w.Write(part)
		}
	}), func(c *config.Config) { c.MaxUploadBytes, c.UploadTimeout = size, time.Minute })
	peak := watchHeap(t)
	request := g.request("POST", "/api/v1/documents", "")
	request.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	request.Body, request.ContentLength = io.NopCloser(io.LimitReader(zeros{}, size)), size
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err != nil || n != size || got.Load() != size {
		t.Errorf("%d bytes went and %d came, %v", got.Load(), n, err)
	}
	if held := peak(); held > 24<<20 {
		t.Errorf("%d MiB were held", held>>20)
	}
}

type zeros struct{}

func (zeros) Read(part []byte) (int, error) { clear(part); return len(part), nil }

// watchHeap gives the most bytes in use since its call, over those before it.
func watchHeap(t *testing.T) func() int64 {
	t.Helper()
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	before := int64(stats.HeapAlloc)
	var most int64
	ctx, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		for ctx.Err() == nil {
			runtime.ReadMemStats(&stats)
			most = max(most, int64(stats.HeapAlloc)-before)
			time.Sleep(5 * time.Millisecond)
		}
	})
	return func() int64 { stop(); ended.Wait(); return most }
}

// No label tells a path, an id or a method that a client made up.
func TestLabelsAreBounded(t *testing.T) {
	g := start(t, says(200, `{}`))
	for _, path := range []string{"/api/v1/documents/secret-id-1", "/api/v1/secret-path", "/secret-path?a=b"} {
		g.do(g.request("GET", path, ""))
	}
	g.do(g.request("SECRET", "/health", ""))
	_, page := g.do(g.request("GET", "/metrics", ""))
	if strings.Contains(strings.ToLower(page), "secret") {
		t.Error("a label tells what a client made up")
	}
	for _, wanted := range []string{
		`http_requests_total{method="GET",route="/api/v1/documents/{id}",status="200"} 1`, `http_requests_total{method="GET",route="unknown",status="404"} 2`,
		`http_requests_total{method="OTHER",route="/health",status="405"} 1`, `http_request_duration_seconds_count{method="GET",route="unknown"} 2`,
		"gateway_rate_limit_shared 0", "http_requests_in_flight 1",
	} {
		if !strings.Contains(page, wanted) {
			t.Errorf("no %s", wanted)
		}
	}
	outside := g.request("GET", "/metrics", "")
	outside.Header.Set("X-Forwarded-For", "192.0.2.1")
	g.refused(outside, 404, "path")
}

// Many requests of all sorts, good and bad: afterwards the process holds what it held before.
func TestSoak(t *testing.T) {
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/cut"):
			panic(http.ErrAbortHandler)
		case r.URL.Path == "/query":
			stream(w, "sources", "token", "done")
		default:
			says(200, `{}`)(w, r)
		}
	}))
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	defer transport.CloseIdleConnections()
	round := func(n int) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for i := range n {
					requests := []*http.Request{
						g.request("GET", "/api/v1/documents", ""), g.request("GET", "/api/v1/documents/cut", ""), g.request("POST", "/api/v1/search", `{"query": "a"}`),
						g.request("POST", "/api/v1/chat/stream", `{"query": "a"}`), g.request("POST", "/api/v1/search", strings.Repeat("a", mostJSON+1)),
						g.request("GET", "/nothing", ""), g.request("POST", "/api/v1/auth/token", `{"username": 1}`),
					}
					request := requests[i%len(requests)]
					ctx, cancel := context.WithTimeout(request.Context(), time.Minute)
					if i%5 == 0 {
						cancel() // who goes away at once
					}
					if response, err := transport.RoundTrip(request.WithContext(ctx)); err == nil {
						_, _ = io.Copy(io.Discard, response.Body)
						response.Body.Close()
					}
					cancel()
				}
			})
		}
		all.Wait()
	}
	held := func() (int64, int) {
		transport.CloseIdleConnections()
		g.algo.transport.CloseIdleConnections()
		time.Sleep(200 * time.Millisecond)
		var stats runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc), runtime.NumGoroutine()
	}
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	round(rounds / 5)
	bytesBefore, routinesBefore := held()
	round(rounds)
	bytesAfter, routinesAfter := held()
	t.Logf("%d requests: %d KiB and %d goroutines before, %d KiB and %d after", 8*rounds, bytesBefore>>10, routinesBefore, bytesAfter>>10, routinesAfter)
	if bytesAfter-bytesBefore > 2<<20 {
		t.Errorf("%d KiB more are held", (bytesAfter-bytesBefore)>>10)
	}
	if routinesAfter > routinesBefore+8 {
		t.Errorf("%d goroutines more", routinesAfter-routinesBefore)
	}
}

func TestLogin(t *testing.T) {
	var got map[string]any
	algo := says(200, `{"user_id": "`+operatorID+`", "username": "wang", "role": "operator"}`)
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(text, &got)
		r.Body = io.NopCloser(bytes.NewReader(text))
		switch {
		case r.URL.Path != "/auth/verify" || r.Header.Get("X-User-Id") != "":
			says(500, "{}")(w, r)
		case got["password"] == "wrong":
			says(401, `{"error": {"field": "password", "found": "another", "wanted": "that of the user", "message": "user or password is wrong"}}`)(w, r)
		case got["password"] == "nobody":
			says(200, `{"user_id": "", "role": "root"}`)(w, r)
		default:
			algo(w, r)
		}
	}), func(c *config.Config) { c.LoginRate = 20 })
	login := func(body string) *http.Request {
		request := g.request("POST", "/api/v1/auth/token", body)
		request.Header.Del("Authorization")
		return request
	}
	response, body := g.do(login(`{"username": "wang", "password": "p"}`))
	var said signedIn
	if err := json.Unmarshal([]byte(body), &said); err != nil || response.StatusCode != 200 {
		t.Fatalf("found %s %s", response.Status, body)
	}
	if said.Type != "Bearer" || said.Expires != 86400 || said.User != (account{operatorID, "wang", "operator"}) || got["username"] != "wang" {
		t.Errorf("found %+v; algo-service got %v", said, got)
	}
	request := g.request("GET", "/api/v1/documents", "")
	request.Header.Set("Authorization", "bearer "+said.Token)
	if response, _ := g.do(request); response.StatusCode != 500 && response.StatusCode != 502 {
		t.Errorf("its token is refused: %s", response.Status) // this backend has no documents
	}
	for body, test := range map[string]struct {
		status int
		field  string
	}{
		`{"username": "wang", "password": "wrong"}`:  {401, "password"},
		`{"username": "wang", "password": "nobody"}`: {502, "algo-service"},
		`{"username": "wang"}`:                       {400, "password"},
		`{"username": "", "password": "p"}`:          {400, "username"},
		`{"username": 1, "password": "p"}`:           {400, "username"},
		`{"username": ["a"], "password": "p"}`:       {400, "username"},
		`[]`:                                         {400, "body"},
		`{"username": "wang", "passw`:                {400, "body"},
		`{"username": "wang", "password": "` + strings.Repeat("p", 5000) + `"}`: {413, "body"},
	} {
		g.refused(login(body), test.status, test.field)
	}
	for range 25 {
		response, _ = g.do(login(`{"username": "wang", "password": "wrong"}`))
	}
	if response.StatusCode != 429 {
		t.Errorf("guessing goes on: %s", response.Status)
	}
}

func TestHealthOfBackends(t *testing.T) {
	var asked atomic.Int32
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/ready":
			says(200, `{}`)(w, r)
		case "/bad/ready":
			says(503, `{}`)(w, r)
		case "/slow/ready":
			<-r.Context().Done()
		}
	}), func(c *config.Config) {
		c.Speech, c.FAISS = nil, c.Algo.JoinPath("/bad")
		c.BGE = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
		c.TTS = c.Algo.JoinPath("/slow")
	})
	for range 3 { // two of them are told what was found before
		request := g.request("GET", "/api/v1/health", "")
		request.Header.Del("Authorization")
		response, body := g.do(request)
		var found platformHealth
		if err := json.Unmarshal([]byte(body), &found); err != nil || response.StatusCode != 200 {
			t.Fatalf("found %s %s", response.Status, body)
		}
		states := map[string]string{}
		for name, one := range found.Services {
			states[name] = one.Status
		}
		wanted := map[string]string{"algo-service": "ok", "voice-service": "ok", "faiss-service": "unready", "bge-service": "unreachable", "tts-service": "unreachable"}
		for name, status := range wanted {
			if states[name] != status {
				t.Errorf("%s: found %q, wanted %q", name, states[name], status)
			}
		}
		if len(states) != len(wanted) || found.Status != "degraded" {
			t.Errorf("found %v %s", states, found.Status)
		}
	}
	if n := asked.Load(); n > 4 {
		t.Errorf("they were asked %d times", n)
	}
}
