// Package apierror is the form in which every service of the platform says what is wrong with a request.
package apierror

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// longestFound bounds what of a client's own words is sent back to it.
const longestFound = 80

// Error is an answer other than success: what it is about, what was found there and what is wanted.
type Error struct {
	Status     int           `json:"-"`
	RetryAfter time.Duration `json:"-"` // when a client may try again; 0: nothing is said of it
	Field      string        `json:"field"`
	Found      string        `json:"found"`
	Wanted     string        `json:"wanted"`
	Message    string        `json:"message"`
}

// Body is the JSON of an error.
type Body struct {
	Error *Error `json:"error"`
}

// New makes an error whose message follows from its other parts.
func New(status int, field, found, wanted string) *Error {
	return &Error{
		Status: status, Field: field, Found: found, Wanted: wanted,
		Message: fmt.Sprintf("%s: found %s, wanted %s", field, found, wanted),
	}
}

// After says when a client may try again.
func (e *Error) After(wait time.Duration) *Error {
	e.RetryAfter = wait
	return e
}

func (e *Error) Error() string { return e.Message }

// Write sends the error as an answer.
func (e *Error) Write(w http.ResponseWriter) {
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	WriteJSON(w, e.Status, Body{e})
}

// WriteJSON sends a value as an answer.
func WriteJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // only a value of our own that JSON cannot hold
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // who is gone cannot be told
}

// Quote makes a client's own words fit to be sent back.
func Quote(text string) string {
	if len(text) > longestFound {
		return fmt.Sprintf("a text of %d bytes", len(text))
	}
	return strconv.Quote(text)
}
