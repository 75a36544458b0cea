package server

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"voicehelper/gateway/internal/config"
	"voicehelper/gateway/internal/token"
)

// stream says events as algo-service does.
func stream(w http.ResponseWriter, names ...string) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i, name := range names {
		fmt.Fprintf(w, "event: %s\ndata: {\"n\": %d}\n\n", name, i)
		_ = http.NewResponseController(w).Flush()
	}
}

// question begins a stream.
func (g *gateway) question(id string) (*http.Response, *bufio.Reader) {
	g.t.Helper()
	request := g.request("POST", "/api/v1/chat/stream", `{"query": "a"}`)
	if id != "" {
		request.Header.Set("X-Request-Id", id)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		text, _ := io.ReadAll(response.Body)
		g.t.Fatalf("found %s %s %s", response.Status, response.Header.Get("Content-Type"), text)
	}
	return response, bufio.NewReader(response.Body)
}

// event reads the next one: its lines.
func event(t *testing.T, from *bufio.Reader) string {
	t.Helper()
	var text strings.Builder
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", text.String(), err)
		}
		if strings.TrimSpace(line) == "" {
			return text.String()
		}
		text.WriteString(line)
	}
}

// rest reads to the end.
func rest(t *testing.T, from io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(from)
	if err != nil {
		t.Fatalf("after %q: %v", text, err)
	}
	return string(text)
}

func TestEventsPassAtOnce(t *testing.T) {
	more := make(chan struct{})
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/query" || r.Header.Get("Accept") != "text/event-stream" || string(text) != `{"query": "a"}` || r.Header.Get("X-User-Id") != userID {
			t.Errorf("algo-service got %s %v %s", r.URL.Path, r.Header, text)
		}
		stream(w, "sources")
		for i := range 3 {
			<-more
			stream(w, []string{"token", "token", "done"}[i])
		}
	}))
	response, events := g.question("")
	if response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("X-Accel-Buffering") != "no" {
		t.Errorf("found %v", response.Header)
	}
	if found := event(t, events); found != "event: sources\ndata: {\"n\": 0}\n" {
		t.Errorf("found %q", found)
	}
	for _, name := range []string{"token", "token", "done"} {
		more <- struct{}{} // the next one is said only now: what came before was not held back
		if found := event(t, events); !strings.HasPrefix(found, "event: "+name) {
			t.Errorf("found %q", found)
		}
	}
	if found := rest(t, events); found != "" {
		t.Errorf("then %q", found)
	}
	_, page := g.do(g.request("GET", "/metrics", ""))
	for _, wanted := range []string{"gateway_first_token_seconds_count 1", `gateway_stream_ends_total{by="source",route="/api/v1/chat/stream"} 1`,
		`gateway_streams{route="/api/v1/chat/stream"} 0`} {
		if !strings.Contains(page, wanted) {
			t.Errorf("no %s", wanted)
		}
	}
}

func TestStreamsThatEndBadly(t *testing.T) {
	sse := func(said string, then func(http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			_, _ = io.WriteString(w, said)
			_ = http.NewResponseController(w).Flush()
			if then != nil {
				then(w, r)
			}
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, test := range map[string]struct {
		backend http.HandlerFunc
		passes  string
		says    string // in the gateway's own event; empty: none
	}{
		"as it should":             {sse("event: done\ndata: {}\n\n", nil), "event: done\ndata: {}\n\n", ""},
		"with an error of its own": {sse("event: error\ndata: {}\n\n", nil), "event: error\ndata: {}\n\n", ""},
		"by carriage returns":      {sse("event: token\r\ndata: {}\r\n\r\nevent: done\r\ndata: {}\r\n\r\n", nil), "event: token\r\ndata: {}\r\n\r\nevent: done\r\ndata: {}\r\n\r\n", ""},
		"without an end":           {sse("event: token\ndata: {}\n\n", nil), "event: token\ndata: {}\n\n", errUnended.Error()},
		"in the middle of one":     {sse("event: token\ndata: {}\n\nevent: tok", nil), "event: token\ndata: {}\n\n", errUnended.Error()},
		"cut":                      {sse(": here\n\nevent: tok", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), ": here\n\n", errUnended.Error()},
		"in silence":               {sse("event: token\ndata: {}\n\n", hang), "event: token\ndata: {}\n\n", errSilent.Error()},
		"in half an event": {sse("event: token\ndata: ", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil { // a byte now and then is no event
				time.Sleep(50 * time.Millisecond)
				_, _ = io.WriteString(w, "a")
				_ = http.NewResponseController(w).Flush()
			}
		}), "", errSilent.Error()},
		"in a huge event": {sse("event: token\ndata: "+strings.Repeat("a", mostEvent), hang), "", errTooLarge.Error()},
		"never": {sse("", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				time.Sleep(50 * time.Millisecond)
				_, _ = io.WriteString(w, ": alive\n\n")
				_ = http.NewResponseController(w).Flush()
			}
		}), ": alive\n\n", errTooLong.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, test.backend, func(c *config.Config) { c.StreamIdle, c.StreamTimeout = time.Second, 3*time.Second })
			_, events := g.question("")
			found := rest(t, events)
			passed, own, _ := strings.Cut(found, `event: error`+"\n"+`data: {"error":`)
			if !strings.HasPrefix(passed, test.passes) {
				t.Errorf("passed %.200q", passed)
			}
			if test.says == "" && own != "" || !strings.Contains(own, test.says) || test.says != "" && !strings.HasSuffix(own, "\n\n") {
				t.Errorf("it ends with %q, wanted %q", own, test.says)
			}
		})
	}
}

// What is refused before the stream begins has a status; so has what is no stream.
func TestRefusedQuestions(t *testing.T) {
	for name, test := range map[string]struct {
		backend http.HandlerFunc
		status  int
		field   string
	}{
		"by algo-service": {says(400, `{"error": {"field": "query", "found": "nothing", "wanted": "a text", "message": "query: that"}}`), 400, "query"},
		"no stream":       {says(200, `{"answer": "a"}`), 502, "algo-service"},
		"cut":             {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 502, "algo-service"},
		"slow":            {func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }, 504, "algo-service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, test.backend, func(c *config.Config) {
				if name == "slow" {
					c.RequestTimeout = 300 * time.Millisecond
				}
			})
			g.refused(g.request("POST", "/api/v1/chat/stream", `{"query": "a"}`), test.status, test.field)
		})
	}
}

// endless says tokens until it is told to stop, and then says so.
func endless(stopped chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		stream(w, "sources")
		for r.Context().Err() == nil {
			stream(w, "token")
			time.Sleep(time.Millisecond)
		}
		stopped <- struct{}{}
	}
}

func within(t *testing.T, what string, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(5 * time.Second):
		t.Fatalf("not in time: %s", what)
	}
}

func TestClientGoesAway(t *testing.T) {
	stopped := make(chan struct{}, 1)
	g := start(t, endless(stopped))
	response, events := g.question("")
	event(t, events)
	response.Body.Close()
	within(t, "algo-service stops", stopped)
	soon(t, "the stream is given up", func() bool {
		_, page := g.do(g.request("GET", "/metrics", ""))
		return strings.Contains(page, `gateway_stream_ends_total{by="client",route="/api/v1/chat/stream"} 1`)
	})
}

// A client that takes nothing does not hold an answer for ever.
func TestClientThatDoesNotRead(t *testing.T) {
	stopped := make(chan struct{}, 1)
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			fmt.Fprintf(w, "event: token\ndata: %s\n\n", strings.Repeat("a", 64<<10))
		}
		stopped <- struct{}{}
	}), func(c *config.Config) { c.ClientStall = 300 * time.Millisecond })
	g.question("")
	within(t, "algo-service stops", stopped)
}

// The one asked to cancel is the holder, or another replica.
func TestCancelOfAStream(t *testing.T) {
	nats, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	nats.Start()
	defer nats.Shutdown()
	if !nats.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS does not start")
	}
	stopped := make(chan struct{}, 1)
	connected := func(c *config.Config) { c.NATS.URL = nats.ClientURL() }
	holder, other := start(t, endless(stopped), connected), start(t, endless(stopped), connected)
	for name, asked := range map[string]*gateway{"the holder": holder, "another replica": other} {
		t.Run(name, func(t *testing.T) {
			_, events := holder.question("request-to-cancel")
			event(t, events)
			cancel := func(id string) *http.Request {
				return asked.request("POST", "/api/v1/chat/cancel", `{"request_id": "`+id+`"}`)
			}
			asked.refused(cancel("another-request"), 404, "request_id")
			foreign := cancel("request-to-cancel")
			foreign.Header.Set("Authorization", "Bearer "+asked.sign(operatorID, token.User))
			asked.refused(foreign, 404, "request_id")
			if response, body := asked.do(cancel("request-to-cancel")); response.StatusCode != 200 || body != `{"cancelled":true,"request_id":"request-to-cancel"}` {
				t.Errorf("found %s %s", response.Status, body)
			}
			if found := rest(t, events); !strings.HasSuffix(found, "event: done\ndata: {\"finish_reason\":\"cancelled\",\"request_id\":\"request-to-cancel\"}\n\n") {
				t.Errorf("it ends with %.200q", found[max(0, len(found)-200):])
			}
			within(t, "algo-service stops", stopped)
			asked.refused(cancel("request-to-cancel"), 404, "request_id")
		})
	}
	for body, field := range map[string]string{`{}`: "request_id", `{"request_id": 1}`: "request_id", `{"request_id": "voice.>"}`: "request_id", `a`: "body"} {
		holder.refused(holder.request("POST", "/api/v1/chat/cancel", body), 400, field)
	}
}

func TestTwoStreamsOfOneID(t *testing.T) {
	stopped := make(chan struct{}, 1)
	g := start(t, endless(stopped))
	response, events := g.question("request-of-two")
	event(t, events)
	second := g.request("POST", "/api/v1/chat/stream", `{"query": "a"}`)
	second.Header.Set("X-Request-Id", "request-of-two")
	g.refused(second, 409, "X-Request-Id")
	response.Body.Close()
	within(t, "algo-service stops", stopped)
}

// The drain: not ready first, requests and streams run on, and those that would outlive it are told.
func TestDrain(t *testing.T) {
	stopped, proceed := make(chan struct{}, 1), make(chan struct{})
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/query" && r.Header.Get("X-Request-Id") == "request-that-ends" {
			_, _ = io.Copy(io.Discard, r.Body)
			stream(w, "sources")
			<-proceed
			stream(w, "token", "done")
			return
		}
		endless(stopped)(w, r)
	}), func(c *config.Config) { c.DrainDelay, c.Grace = 500*time.Millisecond, time.Second })
	_, ending := g.question("request-that-ends")
	event(t, ending)
	_, unending := g.question("request-without-end")
	event(t, unending)
	drained := make(chan struct{})
	go func() { g.Drain(g.http); close(drained) }()
	soon(t, "not ready", func() bool { return !g.Ready() })
	if response, _ := g.do(g.request("GET", "/ready", "")); response.StatusCode != 503 || response.Header.Get("Connection") != "close" && !response.Close {
		t.Errorf("ready says %s", response.Status)
	}
	if response, _ := g.do(g.request("GET", "/health", "")); response.StatusCode != 200 {
		t.Errorf("in the drain a request got %s", response.Status)
	}
	close(proceed)
	if found := rest(t, ending); !strings.HasSuffix(found, "event: done\ndata: {\"n\": 1}\n\n") {
		t.Errorf("the one that ends: %q", found)
	}
	if found := rest(t, unending); !strings.Contains(found[max(0, len(found)-300):], errDraining.Error()) {
		t.Errorf("the one without end: %q", found[max(0, len(found)-300):])
	}
	within(t, "algo-service stops", stopped)
	within(t, "the drain ends", drained)
	if _, err := http.DefaultTransport.RoundTrip(g.request("GET", "/health", "")); err == nil {
		t.Error("it still serves")
	}
}
