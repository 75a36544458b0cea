package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"voicehelper/gateway/internal/apierror"
	"voicehelper/gateway/internal/limit"
	"voicehelper/gateway/internal/token"
)

const (
	subprotocol = "voicehelper.v1" // of our WebSockets
	bearer      = "bearer."        // before the token, where a browser's WebSocket offers it as another subprotocol
)

// body is what a route takes.
type body struct {
	kinds []string // media types, whole or as audio/*; none: no body
	large bool     // has the size and the time of uploads
}

var (
	jsonBody     = body{kinds: []string{"application/json"}}
	documentBody = body{kinds: []string{"multipart/form-data", "application/json"}, large: true}
	audioBody    = body{kinds: []string{"audio/*", "multipart/form-data", "application/octet-stream"}, large: true}
)

// guard lets a request through to a route: by origin, place, rate, token and what it brings.
func (s *Server) guard(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		e := exchangeOf(request)
		leave, refusal := s.admit(r, request, e)
		defer leave()
		if refusal != nil {
			if refusal.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="voicehelper"`)
			}
			refuseUnread(w, request, refusal)
			return
		}
		r.serve(w, request, e)
	})
}

// refuseUnread answers a request whose body nobody reads: the server would wait for it before the answer goes, until the time for that is over too.
func refuseUnread(w http.ResponseWriter, request *http.Request, refusal *apierror.Error) {
	if request.ContentLength != 0 {
		w.Header().Set("Connection", "close")
	}
	refusal.Write(w)
}

// admit gives what to call when the request has ended, and why it is refused.
func (s *Server) admit(r route, request *http.Request, e *exchange) (leave func(), refusal *apierror.Error) {
	leave = func() {}
	refuse := func(reason string, err *apierror.Error) (func(), *apierror.Error) {
		s.metrics.refused.WithLabelValues(reason).Inc()
		return leave, err
	}
	if !r.unlimited {
		places := s.requests
		if r.flows {
			places = s.flows
		}
		select {
		case places <- struct{}{}:
			leave = func() { <-places }
		default:
			return refuse("full", apierror.New(http.StatusServiceUnavailable, "service", strconv.Itoa(cap(places))+" requests at once",
				"another try in a moment").After(time.Second))
		}
		if wait := s.limiter.Allow(request.Context(), "address:"+neighbourhood(e.address), limit.Rate(s.config.AddressRate)); wait > 0 {
			return refuse("address rate", tooMany("address", s.config.AddressRate, wait))
		}
	}
	if r.socket {
		if origin := request.Header.Get("Origin"); origin != "" && !s.allowed(origin) && !sameHost(origin, request.Host) {
			return refuse("origin", apierror.New(http.StatusForbidden, "Origin", apierror.Quote(origin), "an origin that this site allows"))
		}
	}
	if r.access != anybody {
		who, err := s.keys.Verify(bearerToken(request, r.socket))
		if err != nil {
			found := strings.TrimPrefix(err.Error(), token.ErrInvalid.Error()+": ")
			if bearerToken(request, r.socket) == "" {
				found = "no token"
			}
			return refuse("token", apierror.New(http.StatusUnauthorized, "Authorization", found, "Bearer and a token from /api/v1/auth/token"))
		}
		e.who = who
		if r.access == operator && who.Role != token.Operator {
			return refuse("role", apierror.New(http.StatusForbidden, "role", string(who.Role), string(token.Operator)))
		}
		if wait := s.limiter.Allow(request.Context(), "user:"+who.ID, limit.Rate(s.config.UserRate)); wait > 0 {
			return refuse("user rate", tooMany("user", s.config.UserRate, wait))
		}
	}
	if id := request.PathValue("id"); id != "" && !token.FormOfID.MatchString(id) {
		return leave, notFound(request.URL)
	}
	if err := s.bounds(r.takes, request, e); err != nil {
		return refuse("body", err)
	}
	return leave, nil
}

// bounds checks what a body says of itself, and bounds what it really is.
func (s *Server) bounds(takes body, request *http.Request, e *exchange) *apierror.Error {
	if len(takes.kinds) == 0 {
		if request.ContentLength != 0 {
			return apierror.New(http.StatusBadRequest, "body", "one", "none")
		}
		return nil
	}
	e.body.most = mostJSON
	if takes.large {
		e.body.most, e.body.until = s.config.MaxUploadBytes, e.began.Add(s.config.UploadTimeout)
	}
	if request.ContentLength > e.body.most {
		return tooLarge(strconv.FormatInt(request.ContentLength, 10)+" bytes", e.body.most)
	}
	if coding := request.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return apierror.New(http.StatusUnsupportedMediaType, "Content-Encoding", apierror.Quote(coding), "none")
	}
	given := request.Header.Get("Content-Type")
	if !of(takes.kinds, given) {
		return apierror.New(http.StatusUnsupportedMediaType, "Content-Type", apierror.Quote(given), strings.Join(takes.kinds, ", "))
	}
	return nil
}

// of says whether a Content-Type is one of these kinds.
func of(kinds []string, given string) bool {
	kind, _, err := mime.ParseMediaType(given)
	family, _, _ := strings.Cut(kind, "/")
	return err == nil && (slices.Contains(kinds, kind) || slices.Contains(kinds, family+"/*"))
}

func tooMany(who string, rate int, wait time.Duration) *apierror.Error {
	return apierror.New(http.StatusTooManyRequests, who, "more requests than that", strconv.Itoa(rate)+" a minute").After(wait)
}

// bearerToken is the token that a request brings, empty if none.
func bearerToken(r *http.Request, socket bool) string {
	if scheme, text, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(text)
	}
	if socket {
		for offered := range strings.SplitSeq(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",") {
			if text, is := strings.CutPrefix(strings.TrimSpace(offered), bearer); is {
				return text
			}
		}
	}
	return ""
}

// cors answers what browsers ask before they let a page of another origin call, and tells them that it may.
func (s *Server) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		may := origin != "" && s.allowed(origin)
		if may {
			header.Set("Access-Control-Allow-Origin", origin)
			header.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After, Content-Disposition")
		}
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			if !may {
				refuseUnread(w, r, apierror.New(http.StatusForbidden, "Origin", apierror.Quote(origin), "an origin that this site allows"))
				return
			}
			header.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE")
			header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Request-Id, traceparent, tracestate")
			header.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allowed says whether pages of an origin may call. No cookie is ever looked at, so that a page gains nothing but what its own token opens.
func (s *Server) allowed(origin string) bool {
	return slices.Contains(s.config.CORSOrigins, origin) || slices.Contains(s.config.CORSOrigins, "*")
}

func sameHost(origin, host string) bool {
	at, err := url.Parse(origin)
	return err == nil && at.Host == host
}

// loginAllowed counts one more try to sign in. An address has few, whatever the names, and so each name from it. A name has many more in all:
// many addresses do not help in guessing, yet one alone cannot use up what the owner of a name has.
func (s *Server) loginAllowed(ctx context.Context, e *exchange, name string) *apierror.Error {
	digest := sha256.Sum256([]byte(name))
	for _, bound := range []struct {
		key  string
		rate int
	}{
		{"login-address:" + neighbourhood(e.address), s.config.LoginRate}, // first: what it refuses does not count for the name
		{"login-name:" + hex.EncodeToString(digest[:16]), s.config.LoginNameRate},
	} {
		if wait := s.limiter.Allow(ctx, bound.key, limit.Rate(bound.rate)); wait > 0 {
			s.metrics.refused.WithLabelValues("login rate").Inc()
			return tooMany("login", bound.rate, wait)
		}
	}
	return nil
}
