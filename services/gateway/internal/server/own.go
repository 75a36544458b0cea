package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"voicehelper/gateway/internal/apierror"
	"voicehelper/gateway/internal/cancel"
	"voicehelper/gateway/internal/token"
)

const (
	healthWithin = 2 * time.Second
	healthFor    = 5 * time.Second // for which an answer about the backends counts
	mostLogin    = 4 << 10         // bytes of a login
)

// alive says that the process is.
func (s *Server) alive(w http.ResponseWriter, _ *http.Request, _ *exchange) {
	apierror.WriteJSON(w, http.StatusOK, map[string]string{"status": "ok", "service": "gateway"})
}

// ready says whether it serves. Backends have no part in it: without one of them, the gateway still says so better than nobody would.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request, _ *exchange) {
	if !s.Ready() {
		apierror.WriteJSON(w, http.StatusServiceUnavailable, map[string]any{
			"status": "not ready", "waiting_for": map[string]string{"drain": "the service is about to stop"}})
		return
	}
	apierror.WriteJSON(w, http.StatusOK, map[string]any{"status": "ready", "waiting_for": map[string]string{}})
}

// metricsPage is for who reaches the pod itself, not for who comes by way of an ingress.
func (s *Server) metricsPage(pages http.Handler) func(http.ResponseWriter, *http.Request, *exchange) {
	return func(w http.ResponseWriter, r *http.Request, _ *exchange) {
		if r.Header.Get("X-Forwarded-For") != "" {
			notFound(r.URL).Write(w)
			return
		}
		pages.ServeHTTP(w, r)
	}
}

// watched is a backend whose health is told, and where it says whether it serves.
type watched struct {
	name string
	at   *url.URL
	path string
}

type serviceHealth struct {
	Status  string  `json:"status"` // ok, unready or unreachable
	HTTP    int     `json:"http_status,omitempty"`
	Seconds float64 `json:"seconds"`
}

type platformHealth struct {
	Status   string                   `json:"status"` // ok or degraded
	Services map[string]serviceHealth `json:"services"`
}

// health is what was found last. Whoever asks while it is looked for waits for the same answer.
type health struct {
	client *http.Client
	mu     sync.Mutex
	at     time.Time
	found  platformHealth
}

// backends tells the health of every service behind the gateway.
func (s *Server) backends(w http.ResponseWriter, r *http.Request, _ *exchange) {
	h := &s.health
	h.mu.Lock()
	if time.Since(h.at) > healthFor {
		h.found = s.look(context.WithoutCancel(r.Context())) // the answer is for others, too
		h.at = time.Now()
	}
	found := h.found
	h.mu.Unlock()
	apierror.WriteJSON(w, http.StatusOK, found)
}

func (s *Server) look(ctx context.Context) platformHealth {
	found := platformHealth{Status: "ok", Services: map[string]serviceHealth{}}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, one := range s.watched {
		if one.at == nil {
			continue
		}
		all.Go(func() {
			state := s.ask(ctx, one)
			mu.Lock()
			defer mu.Unlock()
			found.Services[one.name] = state
			if state.Status != "ok" {
				found.Status = "degraded"
			}
		})
	}
	all.Wait()
	return found
}

func (s *Server) ask(ctx context.Context, of watched) serviceHealth {
	began := time.Now()
	state := serviceHealth{Status: "unreachable"}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, of.at.JoinPath(of.path).String(), nil)
	if err == nil {
		var response *http.Response
		if response, err = s.health.client.Do(request); err == nil {
			_, _ = io.CopyN(io.Discard, response.Body, mostError) // so that the connection is of use again
			response.Body.Close()
			state.HTTP = response.StatusCode
			state.Status = "unready"
			if response.StatusCode == http.StatusOK {
				state.Status = "ok"
			}
		}
	}
	state.Seconds = time.Since(began).Seconds()
	return state
}

type account struct {
	ID   string     `json:"user_id"`
	Name string     `json:"username"`
	Role token.Role `json:"role"`
}

type signedIn struct {
	Token   string  `json:"access_token"`
	Type    string  `json:"token_type"`
	Expires int     `json:"expires_in"` // seconds
	User    account `json:"user"`
}

// login asks algo-service, which keeps the users, and signs a token.
func (s *Server) login(w http.ResponseWriter, r *http.Request, e *exchange) {
	e.body.most = mostLogin
	var given struct {
		Name     *string `json:"username"`
		Password *string `json:"password"`
	}
	text, refusal := readJSON(e, &given)
	if refusal == nil {
		refusal = required("username", given.Name)
	}
	if refusal == nil {
		refusal = required("password", given.Password)
	}
	if refusal == nil {
		refusal = s.loginAllowed(r.Context(), e, *given.Name)
	}
	if refusal != nil {
		refusal.Write(w)
		return
	}
	ctx, done := context.WithTimeoutCause(r.Context(), s.config.RequestTimeout, errTooSlow)
	defer done()
	found, err := s.verify(ctx, text, r, e)
	if err != nil {
		s.algo.fail(w, r.WithContext(ctx), e, err)
		return
	}
	who := token.Identity{ID: found.ID, Name: found.Name, Role: found.Role}
	signed, err := s.keys.Sign(who, s.config.JWTLifetime)
	if err != nil {
		panic(err)
	}
	e.who = who
	apierror.WriteJSON(w, http.StatusOK, signedIn{signed, "Bearer", int(s.config.JWTLifetime.Seconds()), found})
}

// verify asks algo-service who somebody is.
func (s *Server) verify(ctx context.Context, login []byte, r *http.Request, e *exchange) (account, error) {
	request, err := s.algo.request(ctx, "/auth/verify", login, r, e)
	if err != nil {
		return account{}, err
	}
	request.Header["Idempotency-Key"] = []string{}
	return s.algo.account(request)
}

// account is the user that a backend names in its answer to a request.
func (b *backend) account(request *http.Request) (account, error) {
	response, err := b.transport.RoundTrip(request)
	if err != nil {
		return account{}, err
	}
	defer response.Body.Close()
	if err := b.check(response, answer{kind: "application/json"}); err != nil {
		return account{}, err
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, mostError))
	if err != nil {
		return account{}, err
	}
	var found account
	if response.StatusCode != http.StatusOK || json.Unmarshal(text, &found) != nil || !(token.Identity{ID: found.ID, Role: found.Role}).Valid() {
		return account{}, b.unfit("kind", "no user")
	}
	return found, nil
}

// request is one to a backend with a body of JSON, which can be sent again.
func (b *backend) request(ctx context.Context, path string, body []byte, client *http.Request, e *exchange) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.at.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	dress(ctx, request.Header, client.Header, e)
	return request, nil
}

// cancelChat ends a stream of the same user by its request id.
func (s *Server) cancelChat(w http.ResponseWriter, r *http.Request, e *exchange) {
	e.body.most = mostLogin
	var given struct {
		ID *string `json:"request_id"`
	}
	_, refusal := readJSON(e, &given)
	if refusal == nil {
		refusal = required("request_id", given.ID)
	}
	if refusal == nil && !formOfRequestID.MatchString(*given.ID) {
		refusal = apierror.New(http.StatusBadRequest, "request_id", apierror.Quote(*given.ID), "8 to 64 letters, digits, - and _")
	}
	if refusal != nil {
		refusal.Write(w)
		return
	}
	switch found, err := s.streams.Cancel(r.Context(), e.who.ID, *given.ID); {
	case errors.Is(err, cancel.ErrAway):
		s.log.WarnContext(r.Context(), "A stream could not be cancelled", "error", err)
		apierror.New(http.StatusServiceUnavailable, "request_id", err.Error(), "another try in a moment").After(time.Second).Write(w)
	case !found:
		apierror.New(http.StatusNotFound, "request_id", apierror.Quote(*given.ID), "a stream of this user that is running").Write(w)
	default:
		apierror.WriteJSON(w, http.StatusOK, map[string]any{"request_id": *given.ID, "cancelled": true})
	}
}

// readJSON reads a request's JSON object; it gives the text, too.
func readJSON(e *exchange, into any) ([]byte, *apierror.Error) {
	text, err := io.ReadAll(e.body)
	if err != nil {
		if failure := e.body.failure.Load(); failure != nil {
			return nil, failure
		}
		return nil, apierror.New(http.StatusBadRequest, "body", "what cannot be read", "JSON")
	}
	err = json.Unmarshal(text, into)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field != "":
		return nil, apierror.New(http.StatusBadRequest, kind.Field, "a value of type "+kind.Value, "a text")
	case err != nil:
		return nil, apierror.New(http.StatusBadRequest, "body", "no JSON object", "a JSON object")
	}
	return text, nil
}

func required(field string, value *string) *apierror.Error {
	if value == nil {
		return apierror.New(http.StatusBadRequest, field, "nothing", "a text")
	}
	if *value == "" {
		return apierror.New(http.StatusBadRequest, field, "an empty text", "a text")
	}
	return nil
}
