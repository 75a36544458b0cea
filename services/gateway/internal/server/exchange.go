package server

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"voicehelper/gateway/internal/apierror"
	"voicehelper/gateway/internal/token"
)

// formOfRequestID goes into headers and into subjects of NATS as it is.
var formOfRequestID = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

// statusGone is logged where a client went away before its answer began; the number is nginx's, nobody receives it.
const statusGone = 499

// exchange is one request and its answer as they pass.
type exchange struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	id      string
	address string
	who     token.Identity // empty where the route asks for none
	began   time.Time
	status  int
	body    *incoming
}

type exchangeKey struct{}

// exchangeOf is what observe made of a request.
func exchangeOf(r *http.Request) *exchange { return r.Context().Value(exchangeKey{}).(*exchange) }

// Unwrap is how http.ResponseController and the WebSocket library find the connection.
func (e *exchange) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// WriteHeader begins the answer, for which the client has its time.
func (e *exchange) WriteHeader(status int) {
	if e.status != 0 {
		return
	}
	if status >= 200 || status == http.StatusSwitchingProtocols {
		e.status = status
	}
	e.extend()
	e.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the answer, for which the client has its time again: a slow one is bounded, a long answer is not.
func (e *exchange) Write(part []byte) (int, error) {
	if e.status == 0 {
		e.WriteHeader(http.StatusOK)
	}
	e.extend()
	return e.ResponseWriter.Write(part)
}

// FlushError sends what is buffered.
func (e *exchange) FlushError() error {
	e.extend()
	return e.control.Flush()
}

func (e *exchange) extend() { _ = e.control.SetWriteDeadline(time.Now().Add(e.stall)) } // a connection that is cut says so by itself

// incoming is a request's body: bounded in size, and in time: each part, and the whole, or a client that trickles would have its place for ever.
type incoming struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
	until   time.Time // by when all of it must be there
	most    int64     // bytes; 0: not yet known
	read    int64
	failure atomic.Pointer[apierror.Error] // why it could not be read; by whoever sends it on, which may outlive the answer
	closed  atomic.Bool
}

// Read gives the next part. A client that stalls, trickles, goes away or sends too much is an error, kept in failure.
func (b *incoming) Read(part []byte) (int, error) {
	if b.closed.Load() { // the connection may be at its next request
		return 0, http.ErrBodyReadAfterClose
	}
	deadline, late := time.Now().Add(b.stall), "nothing for "+b.stall.String()
	if b.until.Before(deadline) {
		deadline, late = b.until, "no end of it in time"
	}
	_ = b.control.SetReadDeadline(deadline)
	n, err := b.ReadCloser.Read(part)
	b.read += int64(n)
	switch {
	case b.most > 0 && b.read > b.most:
		failure := tooLarge("more", b.most)
		b.failure.Store(failure)
		return 0, failure
	case errors.Is(err, io.EOF):
		_ = b.control.SetReadDeadline(time.Time{}) // from here on the server only waits for the client to go away
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.failure.Store(apierror.New(http.StatusRequestTimeout, "body", late, "the whole request"))
	case err != nil:
		b.failure.Store(apierror.New(http.StatusBadRequest, "body", "a connection that was cut", "the whole request"))
	}
	return n, err
}

// Close ends the reading.
func (b *incoming) Close() error {
	b.closed.Store(true)
	return b.ReadCloser.Close()
}

func tooLarge(found string, most int64) *apierror.Error {
	return apierror.New(http.StatusRequestEntityTooLarge, "body", found, "at most "+strconv.FormatInt(most, 10)+" bytes")
}

// observe is around every request: its id, its span, its line in the log, its metrics, and an answer to what was not foreseen.
func (s *Server) observe(next http.Handler) http.Handler {
	tracer := otel.Tracer("voicehelper")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := &exchange{ResponseWriter: w, control: http.NewResponseController(w), stall: s.config.ClientStall, began: time.Now()}
		e.id = r.Header.Get("X-Request-Id")
		if !formOfRequestID.MatchString(e.id) {
			e.id = rand.Text()
		}
		e.address = s.client(r)
		e.body = &incoming{ReadCloser: r.Body, control: e.control, stall: e.stall, until: e.began.Add(s.config.RequestTimeout)}
		if r.ContentLength != 0 { // what nobody reads must not hold the connection either
			_ = e.control.SetReadDeadline(time.Now().Add(e.stall))
			r.Body = e.body
		}

		header := w.Header()
		header.Set("X-Request-Id", e.id)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
		header.Set("Cache-Control", "no-store")
		if s.draining.Load() {
			header.Set("Connection", "close")
		}

		ctx := otel.GetTextMapPropagator().Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		method := known(r.Method)
		ctx, span := tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer))
		r = r.WithContext(context.WithValue(ctx, exchangeKey{}, e))
		s.metrics.inFlight.Inc()
		defer func() {
			failure := recover()
			if failure != nil && failure != http.ErrAbortHandler {
				s.log.ErrorContext(ctx, "A request failed in a way that was not foreseen", "error", failure)
				if e.status == 0 {
					apierror.New(http.StatusInternalServerError, "service", "a failure of its own", "another try later").Write(e)
				}
			}
			s.metrics.inFlight.Dec()
			route := r.Pattern
			if route == "" {
				route = "unknown"
			}
			status := e.status
			if status == 0 {
				status = statusGone
			}
			seconds := time.Since(e.began).Seconds()
			s.metrics.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
			s.metrics.latency.WithLabelValues(method, route).Observe(seconds)
			span.SetName(method + " " + route)
			span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route),
				attribute.Int("http.response.status_code", status))
			if status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
			span.End()
			level := slog.LevelInfo
			if strings.Count(route, "/") == 1 && status < http.StatusInternalServerError && route != "unknown" {
				level = slog.LevelDebug // health and metrics, every few seconds
			}
			s.log.Log(ctx, level, method+" "+route, "request_id", e.id, "method", method, "route", route, "status", status,
				"duration_ms", float64(time.Since(e.began).Microseconds())/1000, "address", e.address, "user", e.who.ID)
			if failure != nil {
				panic(http.ErrAbortHandler) // the client sees a cut connection, not an answer that seems whole
			}
		}()
		if size := headerSize(r); size > mostHeaders {
			header.Set("Connection", "close")
			apierror.New(http.StatusRequestHeaderFieldsTooLarge, "headers", strconv.Itoa(size)+" bytes",
				"at most "+strconv.Itoa(mostHeaders)+" bytes").Write(e)
			return
		}
		next.ServeHTTP(e, r)
	})
}

// known bounds the label of methods, which a client can make up.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "OTHER"
}

func headerSize(r *http.Request) int {
	size := len(r.RequestURI)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + 4
		}
	}
	return size
}

// client is the address of who asks: behind proxies that are trusted, the last one that these did not add themselves.
func (s *Server) client(r *http.Request) string {
	text, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(chain) - 1; i >= 0 && s.trusts(text); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(chain[i]))
		if err != nil {
			break
		}
		text = next.Unmap().String()
	}
	return text
}

func (s *Server) trusts(text string) bool {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	for _, prefix := range s.config.TrustedProxies {
		if prefix.Contains(address.Unmap()) {
			return true
		}
	}
	return false
}

// neighbourhood is what an address counts as: of IPv6 the network, of which a client has all addresses.
func neighbourhood(text string) string {
	address, err := netip.ParseAddr(text)
	if err != nil || address.Is4() {
		return text
	}
	prefix, err := address.Prefix(64)
	if err != nil {
		return text
	}
	return prefix.String()
}
