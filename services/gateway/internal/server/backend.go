package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	"voicehelper/gateway/internal/apierror"
)

const mostError = 64 << 10 // bytes of a backend's error

// What of a client's request and of a backend's answer passes; all else, credentials and cookies above all, does not.
var (
	passedIn  = []string{"Accept", "Accept-Language", "Content-Type", "If-None-Match", "Range"}
	passedOut = []string{"Content-Type", "Content-Length", "Content-Disposition", "Content-Language", "Content-Range", "Accept-Ranges",
		"Etag", "Last-Modified"}
)

var errTooSlow = errors.New("no answer in time")

// backend is a service behind the gateway.
type backend struct {
	name      string
	at        *url.URL // nil: this site has none
	transport *http.Transport
	server    *Server
}

func (s *Server) newBackend(name string, at *url.URL, transport *http.Transport) *backend {
	if at != nil && at.Path == "" {
		at = at.JoinPath("/") // what is joined to an empty path has no slash before it, and is no target of a request
	}
	return &backend{name: name, at: at, transport: transport, server: s}
}

func (b *backend) absent() *apierror.Error {
	return apierror.New(http.StatusServiceUnavailable, b.name, "none at this site", "a site with "+b.name)
}

// dress gives a request to a backend its headers: those that pass, and who asks.
func dress(ctx context.Context, header, client http.Header, e *exchange) {
	for _, name := range passedIn {
		if values := client.Values(name); len(values) > 0 {
			header[name] = values
		}
	}
	header.Set("User-Agent", "voicehelper-gateway")
	header.Set("X-Request-Id", e.id)
	if e.who.ID != "" {
		header.Set("X-User-Id", e.who.ID)
		header.Set("X-User-Role", string(e.who.Role))
	}
	otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(header))
}

// answer is what a route expects of its backend.
type answer struct {
	kind     string // media type of a success, whole or as audio/*; empty: any
	long     bool   // its transfer has the time of uploads
	attached bool   // a browser saves it, whatever it is
	again    bool   // may be asked twice: a connection that the backend closed meanwhile then costs nothing
}

// pass gives a request to a backend as it is, and the answer to the client as it comes.
func (s *Server) pass(b *backend, to string, wants answer) func(http.ResponseWriter, *http.Request, *exchange) {
	within := s.config.RequestTimeout
	if wants.long {
		within = s.config.UploadTimeout
	}
	return func(w http.ResponseWriter, r *http.Request, e *exchange) {
		if b.at == nil {
			b.absent().Write(w)
			return
		}
		ctx, done := context.WithTimeoutCause(r.Context(), within, errTooSlow)
		defer done()
		r = r.WithContext(ctx)
		proxy := httputil.ReverseProxy{
			Transport: b.transport, FlushInterval: -1, BufferPool: buffers, ErrorLog: quiet,
			Rewrite: func(p *httputil.ProxyRequest) {
				p.Out.Header = http.Header{}
				dress(ctx, p.Out.Header, p.In.Header, e)
				query := p.Out.URL.RawQuery // without what cannot be read
				p.Out.URL = b.at.JoinPath(strings.ReplaceAll(to, "{id}", p.In.PathValue("id")))
				p.Out.URL.RawQuery = query
				p.Out.Host = ""
				if wants.again {
					p.Out.Body, _ = p.In.GetBody()               // bare, as the transport sends only what it knows to be in memory together with the headers
					p.Out.Header["Idempotency-Key"] = []string{} // the transport's sign for it, which is not sent
				}
			},
			ModifyResponse: func(response *http.Response) error { return b.check(response, wants) },
			ErrorHandler:   func(w http.ResponseWriter, r *http.Request, err error) { b.fail(w, r, e, err) },
		}
		if wants.again {
			if err := keep(r, e); err != nil {
				b.fail(w, r, e, err)
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}
}

// keep holds a small body, so that the transport can send it again over another connection.
func keep(r *http.Request, e *exchange) error {
	held, err := io.ReadAll(e.body)
	if err != nil {
		return err
	}
	r.ContentLength = int64(len(held))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(held)), nil }
	r.Body, _ = r.GetBody()
	return nil
}

// check makes a backend's answer fit to pass; one that is no success, or not of the kind that is wanted, is an error.
func (b *backend) check(response *http.Response, wants answer) error {
	if response.StatusCode >= http.StatusBadRequest {
		return b.refusal(response)
	}
	passed := http.Header{}
	for _, name := range passedOut {
		if values := response.Header.Values(name); len(values) > 0 {
			passed[name] = values
		}
	}
	response.Header = passed
	response.Trailer = nil
	kind := passed.Get("Content-Type")
	switch {
	case response.StatusCode >= http.StatusMultipleChoices && response.StatusCode != http.StatusNotModified:
		return b.unfit("status", response.Status)
	case wants.kind != "" && response.StatusCode != http.StatusNoContent && !of([]string{wants.kind}, kind):
		return b.unfit("kind", apierror.Quote(kind))
	}
	if wants.attached && !strings.HasPrefix(passed.Get("Content-Disposition"), "attachment") {
		passed.Set("Content-Disposition", "attachment")
	}
	return nil
}

// unfit is the error of an answer that the contract does not know.
func (b *backend) unfit(reason, found string) *apierror.Error {
	b.server.metrics.failures.WithLabelValues(b.name, reason).Inc()
	return apierror.New(http.StatusBadGateway, b.name, found, "an answer as its API says")
}

// refusal is a backend's own error where it has the common form, and else one that says as much in it.
func (b *backend) refusal(response *http.Response) *apierror.Error {
	text, err := io.ReadAll(io.LimitReader(response.Body, mostError))
	response.Body.Close()
	if err != nil {
		return b.unfit("cut", "an error that was cut")
	}
	var said apierror.Body
	if json.Unmarshal(text, &said) != nil || said.Error == nil || said.Error.Message == "" {
		if response.StatusCode >= http.StatusInternalServerError && response.StatusCode != http.StatusServiceUnavailable {
			return b.unfit("status", response.Status)
		}
		said.Error = apierror.New(0, b.name, response.Status, "another request")
	}
	if response.StatusCode >= http.StatusInternalServerError {
		b.server.metrics.failures.WithLabelValues(b.name, "status").Inc()
	}
	said.Error.Status = response.StatusCode
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		said.Error.RetryAfter = time.Duration(min(max(seconds, 0), 3600)) * time.Second
	}
	return said.Error
}

// fail answers where there is no answer to pass.
func (b *backend) fail(w http.ResponseWriter, r *http.Request, e *exchange, err error) {
	refusal := b.why(r.Context(), e, err)
	if refusal == nil {
		return
	}
	if refusal.Status >= http.StatusInternalServerError {
		b.server.log.WarnContext(r.Context(), "A request could not be passed on", "backend", b.name, "request_id", e.id, "error", err)
	}
	if e.body.failure.Load() != nil {
		w.Header().Set("Connection", "close")
	}
	refusal.Write(w)
}

// why tells what went wrong; nil where the client is gone and nobody is to be told.
func (b *backend) why(ctx context.Context, e *exchange, err error) *apierror.Error {
	var own *apierror.Error
	var dial *net.OpError
	reason := "cut"
	defer func() {
		if reason != "" {
			b.server.metrics.failures.WithLabelValues(b.name, reason).Inc()
		}
	}()
	cause := context.Cause(ctx)
	switch {
	case e.body.failure.Load() != nil:
		reason = ""
		return e.body.failure.Load()
	case errors.As(err, &own): // counted where it was made
		reason = ""
		return own
	case errors.Is(cause, errTooSlow):
		reason = "slow"
		return apierror.New(http.StatusGatewayTimeout, b.name, errTooSlow.Error(), "an answer in time")
	case errors.Is(cause, context.Canceled):
		reason = ""
		return nil
	case errors.As(err, &dial) && dial.Op == "dial", errors.Is(err, os.ErrDeadlineExceeded):
		reason = "unreachable"
		return apierror.New(http.StatusServiceUnavailable, b.name, "nobody", "an answer").After(time.Second)
	}
	return apierror.New(http.StatusBadGateway, b.name, "an answer that was cut or is none", "an answer as its API says")
}

// pool lends buffers for copying.
type pool chan []byte

func (p pool) Get() []byte {
	select {
	case buffer := <-p:
		return buffer
	default:
		return make([]byte, 32<<10)
	}
}

func (p pool) Put(buffer []byte) {
	select {
	case p <- buffer:
	default:
	}
}

var (
	buffers = make(pool, 64)
	quiet   = log.New(io.Discard, "", 0) // what the proxy says of answers that were cut stands in our own log and metrics
)
