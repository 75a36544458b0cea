package server

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"voicehelper/gateway/internal/config"
	"voicehelper/gateway/internal/token"
)

// echo is a backend that says back what it hears, and ends as it is told.
func echo(seen chan<- http.Header, heard chan<- error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if seen != nil {
			seen <- r.Header
		}
		connection, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}})
		if err != nil {
			return
		}
		connection.SetReadLimit(4 << 20)
		for {
			kind, message, err := connection.Read(context.Background())
			switch {
			case err != nil:
				if heard != nil {
					heard <- err
				}
				return
			case string(message) == "close":
				connection.Close(4001, "as you like")
				return
			case string(message) == "cut":
				connection.CloseNow()
				return
			case string(message) == "huge":
				message = make([]byte, mostMessage+1)
			}
			if err := connection.Write(context.Background(), kind, message); err != nil {
				return
			}
		}
	}
}

func (g *gateway) dialSocket(path string, options *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
	ctx, done := context.WithTimeout(g.t.Context(), 5*time.Second)
	defer done()
	connection, response, err := websocket.Dial(ctx, g.url+path, options)
	if err == nil {
		g.t.Cleanup(func() { connection.CloseNow() })
		connection.SetReadLimit(4 << 20)
	}
	return connection, response, err
}

func (g *gateway) socket(path string) *websocket.Conn {
	g.t.Helper()
	connection, _, err := g.dialSocket(path, &websocket.DialOptions{Subprotocols: []string{subprotocol, bearer + g.sign(userID, token.User)}})
	if err != nil {
		g.t.Fatal(err)
	}
	return connection
}

func said(t *testing.T, at *websocket.Conn, kind websocket.MessageType, message string) {
	t.Helper()
	if err := at.Write(t.Context(), kind, []byte(message)); err != nil {
		t.Fatal(err)
	}
}

func heard(t *testing.T, at *websocket.Conn) (websocket.MessageType, string, error) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 5*time.Second)
	defer done()
	kind, message, err := at.Read(ctx)
	return kind, string(message), err
}

func TestSocketPassesMessages(t *testing.T) {
	seen := make(chan http.Header, 2)
	g := start(t, echo(seen, nil))
	for _, path := range []string{"/api/v1/voice/stream", "/api/v1/voice/call"} {
		connection := g.socket(path)
		if connection.Subprotocol() != subprotocol {
			t.Errorf("the subprotocol is %q", connection.Subprotocol())
		}
		header := <-seen
		if header.Get("X-User-Id") != userID || header.Get("Authorization") != "" || strings.Contains(header.Get("Sec-Websocket-Protocol"), "bearer") ||
			!strings.HasPrefix(header.Get("Traceparent"), "00-") {
			t.Errorf("the backend got %v", header)
		}
		for text, kind := range map[string]websocket.MessageType{"hello 你好": websocket.MessageText, "\x00\xff": websocket.MessageBinary,
			strings.Repeat("a", mostMessage): websocket.MessageBinary, "": websocket.MessageText} {
			said(t, connection, kind, text)
			if found, message, err := heard(t, connection); err != nil || found != kind || message != text {
				t.Errorf("%.20q came back as %.20q %v, %v", text, message, found, err)
			}
		}
	}
}

func TestSocketEnds(t *testing.T) {
	for name, test := range map[string]struct {
		say  string
		code websocket.StatusCode
	}{
		"by the backend":                   {"close", 4001},
		"by a cut of the backend":          {"cut", websocket.StatusInternalError},
		"by a huge message":                {strings.Repeat("a", mostMessage+1), websocket.StatusMessageTooBig},
		"by a huge message of the backend": {"huge", websocket.StatusMessageTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, echo(nil, nil))
			connection := g.socket("/api/v1/voice/stream")
			said(t, connection, websocket.MessageBinary, test.say)
			if _, _, err := heard(t, connection); websocket.CloseStatus(err) != test.code {
				t.Errorf("found %v, wanted %d", err, test.code)
			}
		})
	}
	for name, test := range map[string]struct {
		end  func(*websocket.Conn)
		code websocket.StatusCode
	}{
		"by the client":          {func(c *websocket.Conn) { c.Close(4002, "enough") }, 4002},
		"by a cut of the client": {func(c *websocket.Conn) { c.CloseNow() }, websocket.StatusGoingAway},
	} {
		t.Run(name, func(t *testing.T) {
			ends := make(chan error, 1)
			g := start(t, echo(nil, ends))
			test.end(g.socket("/api/v1/voice/stream"))
			select {
			case err := <-ends:
				if websocket.CloseStatus(err) != test.code {
					t.Errorf("the backend heard %v, wanted %d", err, test.code)
				}
			case <-time.After(5 * time.Second):
				t.Error("the backend heard nothing")
			}
			soon(t, "the place is given back", func() bool { return len(g.flows) == 0 })
		})
	}
}

func TestRefusedSockets(t *testing.T) {
	g := start(t, echo(nil, nil))
	good := bearer + g.sign(userID, token.User)
	for name, test := range map[string]struct {
		options websocket.DialOptions
		status  int
	}{
		"no token":          {websocket.DialOptions{Subprotocols: []string{subprotocol}}, 401},
		"bad token":         {websocket.DialOptions{Subprotocols: []string{subprotocol, bearer + "a.b.c"}}, 401},
		"foreign origin":    {websocket.DialOptions{Subprotocols: []string{subprotocol, good}, HTTPHeader: http.Header{"Origin": {"https://evil.example"}}}, 403},
		"good origin":       {websocket.DialOptions{Subprotocols: []string{subprotocol, good}, HTTPHeader: http.Header{"Origin": {"https://voicehelper.local"}}}, 101},
		"token in a header": {websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + strings.TrimPrefix(good, bearer)}}}, 101},
	} {
		_, response, err := g.dialSocket("/api/v1/voice/stream", &test.options)
		if response == nil || response.StatusCode != test.status {
			t.Errorf("%s: found %v, %v, wanted %d", name, response, err, test.status)
		}
	}
	g.refused(g.request("GET", "/api/v1/voice/stream", ""), 426, "Upgrade")

	// A token in a subprotocol is for WebSockets alone.
	request := g.request("GET", "/api/v1/documents", "")
	request.Header.Del("Authorization")
	request.Header.Set("Sec-WebSocket-Protocol", good)
	g.refused(request, 401, "Authorization")

	down := start(t, says(503, `{}`))
	_, response, err := down.dialSocket("/api/v1/voice/call", &websocket.DialOptions{Subprotocols: []string{bearer + down.sign(userID, token.User)}})
	if err == nil || response == nil || response.StatusCode != 503 || response.Header.Get("Content-Type") != "application/json" {
		t.Errorf("a backend that refuses: %v, %v", response, err)
	}
}

func TestSocketInTheDrain(t *testing.T) {
	g := start(t, echo(nil, nil), func(c *config.Config) { c.Grace = 400 * time.Millisecond })
	connection := g.socket("/api/v1/voice/stream")
	drained := make(chan struct{})
	go func() { g.Drain(g.http); close(drained) }()
	soon(t, "not ready", func() bool { return !g.Ready() })
	said(t, connection, websocket.MessageText, "still there?")
	if _, message, err := heard(t, connection); err != nil || message != "still there?" {
		t.Errorf("in the drain: %q, %v", message, err)
	}
	if _, _, err := heard(t, connection); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("at its end: %v", err)
	}
	within(t, "the drain ends", drained)
}

func TestSocketEndsWithItsToken(t *testing.T) {
	g := start(t, echo(nil, nil))
	text, err := g.keys.Sign(token.Identity{ID: userID, Role: token.User}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	connection, _, err := g.dialSocket("/api/v1/voice/stream", &websocket.DialOptions{Subprotocols: []string{subprotocol, bearer + text}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := heard(t, connection); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("found %v", err)
	}
}
