package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"voicehelper/gateway/internal/config"
	"voicehelper/gateway/internal/token"
)

func TestWithoutAGoodToken(t *testing.T) {
	g := start(t, says(200, `{}`))
	for name, header := range map[string]string{
		"none": "", "another scheme": "Basic bGk6aHVudGVyMg==", "only the scheme": "Bearer", "malformed": "Bearer a.b.c", "two": "Bearer a b",
		"alg none": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwicm9sZSI6Im9wZXJhdG9yIn0.",
	} {
		t.Run(name, func(t *testing.T) {
			request := g.request("POST", "/api/v1/search", `{"query": "a"}`)
			request.Header.Set("Authorization", header)
			response, said := g.refused(request, 401, "Authorization")
			if !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Error("no WWW-Authenticate")
			}
			if len(header) > 10 && strings.Contains(said.Message, header[8:]) {
				t.Errorf("it tells the token: %s", said.Message)
			}
		})
	}
	expired, err := g.keys.Sign(token.Identity{ID: userID, Role: token.User}, -time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	request := g.request("POST", "/api/v1/search", `{"query": "a"}`)
	request.Header.Set("Authorization", "Bearer "+expired)
	if _, said := g.refused(request, 401, "Authorization"); said.Found != "expired" {
		t.Errorf("found %q", said.Found)
	}
}

func TestOperatorsOnly(t *testing.T) {
	g := start(t, says(200, `{"users": []}`))
	for method, path := range map[string]string{"GET": "/api/v1/users", "DELETE": "/api/v1/users/" + userID} {
		g.refused(g.request(method, path, ""), 403, "role")
	}
	g.refused(g.request("GET", "/api/v1/stats", ""), 403, "role")
	request := g.request("GET", "/api/v1/users", "")
	request.Header.Set("Authorization", "Bearer "+g.sign(operatorID, token.Operator))
	if response, body := g.do(request); response.StatusCode != 200 || body != `{"users": []}` {
		t.Errorf("found %s %s", response.Status, body)
	}
}

func TestBadRequests(t *testing.T) {
	g := start(t, says(200, `{}`))
	for name, test := range map[string]struct {
		change func(*http.Request)
		method string
		path   string
		body   string
		status int
		field  string
	}{
		"no such path":               {nil, "GET", "/api/v1/secrets", "", 404, "path"},
		"root":                       {nil, "GET", "/", "", 404, "path"},
		"double slash":               {nil, "GET", "//api/v1/documents", "", 404, "path"},
		"slash at the end":           {nil, "GET", "/api/v1/documents/", "", 404, "path"},
		"way out":                    {nil, "GET", "/api/v1/documents/../users", "", 404, "path"},
		"encoded way out":            {nil, "GET", "/api/v1/documents/..%2f..%2fusers", "", 404, "path"},
		"id with a query":            {nil, "GET", "/api/v1/documents/a%3fb=c", "", 404, "path"},
		"wrong method":               {nil, "PUT", "/api/v1/documents", `{}`, 405, "method"},
		"unknown method":             {nil, "BREW", "/api/v1/documents", "", 405, "method"},
		"body that is none":          {nil, "GET", "/api/v1/documents", `{}`, 400, "body"},
		"no content type":            {func(r *http.Request) { r.Header.Del("Content-Type") }, "POST", "/api/v1/search", `{}`, 415, "Content-Type"},
		"wrong content type":         {func(r *http.Request) { r.Header.Set("Content-Type", "text/html") }, "POST", "/api/v1/search", `{}`, 415, "Content-Type"},
		"audio as document":          {func(r *http.Request) { r.Header.Set("Content-Type", "audio/wav") }, "POST", "/api/v1/documents", `{}`, 415, "Content-Type"},
		"compressed":                 {func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, "POST", "/api/v1/search", `{}`, 415, "Content-Encoding"},
		"huge header":                {func(r *http.Request) { r.Header.Set("X-Huge", strings.Repeat("a", mostHeaders)) }, "GET", "/health", "", 431, "headers"},
		"huge query":                 {nil, "GET", "/api/v1/documents?cursor=" + strings.Repeat("a", mostHeaders), "", 431, "headers"},
		"too large by its own words": {nil, "POST", "/api/v1/search", `{"query": "` + strings.Repeat("a", mostJSON) + `"}`, 413, "body"},
		"too large in the end":       {func(r *http.Request) { r.ContentLength = -1 }, "POST", "/api/v1/search", `{"query": "` + strings.Repeat("a", mostJSON) + `"}`, 413, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			request := g.request(test.method, test.path, test.body)
			if test.change != nil {
				test.change(request)
			}
			response, _ := g.refused(request, test.status, test.field)
			if test.status == 405 && response.Header.Get("Allow") != "GET, POST" {
				t.Errorf("allowed is %q", response.Header.Get("Allow"))
			}
		})
	}
}

func TestUploadThatIsTooLarge(t *testing.T) {
	read := make(chan int64, 1)
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err == nil {
			n = -1
		}
		read <- n
	}), func(c *config.Config) { c.MaxUploadBytes = 1 << 20 })
	request := g.request("POST", "/api/v1/documents", strings.Repeat("a", 2<<20))
	request.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	request.ContentLength = -1 // it says nothing beforehand
	g.refused(request, 413, "body")
	select {
	case n := <-read:
		if n == -1 || n > 1<<20 {
			t.Errorf("the backend got %d bytes and took them for whole, or got more than the limit", n)
		}
	case <-time.After(5 * time.Second):
		t.Error("the backend was not asked")
	}
}

func TestRates(t *testing.T) {
	g := start(t, says(200, `{}`), func(c *config.Config) { c.UserRate, c.AddressRate = 3, 5 })
	ask := func(id string) *http.Request {
		request := g.request("GET", "/api/v1/documents", "")
		request.Header.Set("Authorization", "Bearer "+g.sign(id, token.User))
		return request
	}
	for range 3 {
		if response, _ := g.do(ask("user-aaaa")); response.StatusCode != 200 {
			t.Fatalf("found %s", response.Status)
		}
	}
	response, _ := g.refused(ask("user-aaaa"), 429, "user")
	if after := response.Header.Get("Retry-After"); after < "15" || after > "20" {
		t.Errorf("try again after %q", after)
	}
	if response, _ := g.do(ask("user-bbbb")); response.StatusCode != 200 {
		t.Errorf("another user of the same address: %s", response.Status)
	}
	g.refused(ask("user-bbbb"), 429, "address")
	if response, _ := g.do(g.request("GET", "/health", "")); response.StatusCode != 200 {
		t.Errorf("probes are limited: %s", response.Status)
	}
}

// One address uses up its own tries, not those of the name it guesses at; many addresses together do meet a limit.
func TestLoginRates(t *testing.T) {
	g := start(t, says(401, `{"error": {"field": "username", "found": "a", "wanted": "b", "message": "wrong"}}`), func(c *config.Config) {
		c.LoginRate, c.LoginNameRate = 3, 9
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	login := func(from, name string) *http.Request {
		request := g.request("POST", "/api/v1/auth/token", `{"username": "`+name+`", "password": "p"}`)
		request.Header.Set("X-Forwarded-For", from)
		return request
	}
	for range 3 {
		g.refused(login("192.0.2.1", "operator"), 401, "username")
	}
	for range 9 { // which count for nobody else
		g.refused(login("192.0.2.1", "operator"), 429, "login")
	}
	g.refused(login("192.0.2.1", "li"), 429, "login")
	for _, from := range []string{"192.0.2.2", "192.0.2.3"} {
		for range 3 {
			g.refused(login(from, "operator"), 401, "username")
		}
	}
	if _, said := g.refused(login("192.0.2.4", "operator"), 429, "login"); said != nil && said.Wanted != "9 a minute" {
		t.Errorf("wanted %q", said.Wanted)
	}
	g.refused(login("192.0.2.4", "li"), 401, "username")
}

func TestFull(t *testing.T) {
	release := make(chan struct{})
	var in = make(chan struct{}, 10)
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in <- struct{}{}
		<-release
		says(200, `{}`)(w, r)
	}), func(c *config.Config) { c.MaxConcurrent = 2 })
	ended := make(chan int, 2)
	for range 2 {
		go func() {
			response, err := http.DefaultTransport.RoundTrip(g.request("GET", "/api/v1/documents", ""))
			if err != nil {
				ended <- 0
				return
			}
			response.Body.Close()
			ended <- response.StatusCode
		}()
		<-in
	}
	response, _ := g.refused(g.request("GET", "/api/v1/documents", ""), 503, "service")
	if response.Header.Get("Retry-After") == "" {
		t.Error("it does not say when to try again")
	}
	if response, _ := g.do(g.request("GET", "/ready", "")); response.StatusCode != 200 {
		t.Errorf("probes are limited: %s", response.Status)
	}
	close(release)
	for range 2 {
		if status := <-ended; status != 200 {
			t.Errorf("one that had a place: %d", status)
		}
	}
	if response, _ := g.do(g.request("GET", "/api/v1/documents", "")); response.StatusCode != 200 {
		t.Errorf("places are not given back: %s", response.Status)
	}
}

func TestCORS(t *testing.T) {
	g := start(t, says(200, `{}`))
	for origin, allowed := range map[string]bool{"https://voicehelper.local": true, "https://voicehelper.local.evil.example": false,
		"http://voicehelper.local": false, "null": false} {
		preflight := g.request("OPTIONS", "/api/v1/chat/stream", "")
		preflight.Header.Del("Authorization")
		preflight.Header.Set("Origin", origin)
		preflight.Header.Set("Access-Control-Request-Method", "POST")
		if !allowed {
			g.refused(preflight, 403, "Origin")
		} else if response, _ := g.do(preflight); response.StatusCode != 204 || !strings.Contains(response.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
			t.Errorf("preflight of %s: %s %v", origin, response.Status, response.Header)
		}
		request := g.request("GET", "/api/v1/documents", "")
		request.Header.Set("Origin", origin)
		response, _ := g.do(request)
		if may := response.Header.Get("Access-Control-Allow-Origin") == origin; may != allowed {
			t.Errorf("%s: allowed is %v", origin, may)
		}
		if response.Header.Get("Vary") != "Origin" || response.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", origin, response.Header)
		}
	}
}

func TestAddressBehindProxies(t *testing.T) {
	g := start(t, says(200, `{}`), func(c *config.Config) {
		trusted, err := config.Read(func(name string) string {
			return map[string]string{"TRUSTED_PROXIES": "127.0.0.0/8,10.0.0.0/8", "ALGO_SERVICE_URL": "http://a", "JWT_KEYS_FILE": "k"}[name]
		})
		if err != nil {
			t.Fatal(err)
		}
		c.TrustedProxies = trusted.TrustedProxies
	})
	for forwarded, wanted := range map[string]string{
		"": "127.0.0.1", "192.0.2.1": "192.0.2.1", "6.6.6.6, 192.0.2.1": "192.0.2.1", "192.0.2.1, 10.1.2.3": "192.0.2.1", "nonsense": "127.0.0.1",
		"10.1.2.3": "10.1.2.3", "2001:db8::1": "2001:db8::1", "::ffff:192.0.2.1": "192.0.2.1",
	} {
		request := &http.Request{RemoteAddr: "127.0.0.1:1234", Header: http.Header{"X-Forwarded-For": {forwarded}}}
		if found := g.client(request); found != wanted {
			t.Errorf("%q: found %s, wanted %s", forwarded, found, wanted)
		}
		request.RemoteAddr = "192.0.2.9:1234" // whom nobody trusts
		if found := g.client(request); found != "192.0.2.9" {
			t.Errorf("%q of a stranger: found %s", forwarded, found)
		}
	}
	if found := neighbourhood("2001:db8:1:2:3::4"); found != "2001:db8:1:2::/64" {
		t.Errorf("found %s", found)
	}
}

// Clients that are slow, in every part of a request.
func TestSlowClients(t *testing.T) {
	g := start(t, says(200, `{}`), func(c *config.Config) { c.ClientStall = time.Second })
	g.http.ReadHeaderTimeout = time.Second
	call := func(text string) (string, time.Duration) {
		t.Helper()
		began := time.Now()
		connection, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if _, err := io.WriteString(connection, text); err != nil {
			t.Fatal(err)
		}
		_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
		all, err := io.ReadAll(connection)
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatal(err)
		}
		return string(all), time.Since(began)
	}
	head := fmt.Sprintf("POST /api/v1/%%s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\nAuthorization: %%s\r\n\r\n{\"query\"")
	good := "Bearer " + g.sign(userID, token.User)
	for name, test := range map[string]struct{ text, begins string }{
		"in its headers":                         {"GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: ", ""},
		"in a body that is held":                 {fmt.Sprintf(head, "search", good), "HTTP/1.1 408"},
		"in a body that is passed on":            {fmt.Sprintf(head, "documents", good), "HTTP/1.1 408"},
		"in a question":                          {fmt.Sprintf(head, "chat/stream", good), "HTTP/1.1 408"},
		"in a body that nobody reads":            {fmt.Sprintf(head, "search", "none"), "HTTP/1.1 401"},
		"in a body of a route that there is not": {fmt.Sprintf(head, "nothing", good), "HTTP/1.1 404"},
	} {
		t.Run(name, func(t *testing.T) {
			said, took := call(test.text)
			if !strings.HasPrefix(said, test.begins) || took > 10*time.Second {
				t.Errorf("found %q after %v", said, took)
			}
		})
	}
	t.Run("but steady", func(t *testing.T) { // each part in time, all of them longer than one may take
		connection, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		fmt.Fprintf(connection, "POST /api/v1/search HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 8\r\nAuthorization: %s\r\n\r\n", good)
		for range 8 {
			time.Sleep(150 * time.Millisecond)
			fmt.Fprint(connection, "a")
		}
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil || response.StatusCode != 200 {
			t.Errorf("found %v, %v", response, err)
		}
	})
}

// A client that sends a little all the time, each part soon enough, must not keep its place either.
func TestTricklingClients(t *testing.T) {
	g := start(t, says(200, `{}`), func(c *config.Config) { c.RequestTimeout, c.UploadTimeout = time.Second, 2*time.Second })
	for path, test := range map[string]struct {
		kind  string
		least time.Duration
	}{
		"auth/token":       {"application/json", time.Second},
		"chat/cancel":      {"application/json", time.Second},
		"chat/stream":      {"application/json", time.Second},
		"search":           {"application/json", time.Second},
		"documents":        {"application/json", 2 * time.Second},
		"voice/transcribe": {"audio/wav", 2 * time.Second},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			connection, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			began := time.Now()
			fmt.Fprintf(connection, "POST /api/v1/%s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: 1000\r\nAuthorization: Bearer %s\r\n\r\n",
				path, test.kind, g.sign(operatorID, token.Operator))
			go func() {
				for {
					if _, err := io.WriteString(connection, " "); err != nil {
						return
					}
					time.Sleep(50 * time.Millisecond)
				}
			}()
			_ = connection.SetReadDeadline(began.Add(8 * time.Second))
			response, err := http.ReadResponse(bufio.NewReader(connection), nil)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode == http.StatusGatewayTimeout && test.least > time.Second { // a transfer as a whole ends at the same moment
				response.StatusCode = http.StatusRequestTimeout
			}
			if took := time.Since(began); response.StatusCode != http.StatusRequestTimeout || took < test.least {
				t.Errorf("found %s after %v, wanted 408 after %v", response.Status, took, test.least)
			}
		})
	}
}
