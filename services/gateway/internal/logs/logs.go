// Package logs writes JSON lines with the trace they belong to and without personal data.
package logs

import (
	"context"
	"io"
	"log/slog"
	"regexp"

	"go.opentelemetry.io/otel/trace"
)

// The same forms as in the Python services. Go's expressions cannot look around, so what stands before and after is kept by groups.
var patterns = []struct {
	form *regexp.Regexp
	kept string
}{
	{regexp.MustCompile(`[\w.+-]+@[\w-]+(?:\.[\w-]+)+`), "<email>"},
	{regexp.MustCompile(`(?i)\b(bearer|basic)[ .]+[\w.~+/=-]+`), "$1 <credential>"},
	{regexp.MustCompile(`\beyJ[\w-]+\.[\w-]+\.[\w-]*`), "<token>"},
	{regexp.MustCompile(`(^|[^\w-])\d{6}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]($|[^\w-])`), "$1<id>$2"}, // China
	{regexp.MustCompile(`(^|[^\w-])\d{3}-\d{2}-\d{4}($|[^\w-])`), "$1<id>$2"},                                                         // United States
	{regexp.MustCompile(`(^|[^\w.+-])(?:\+?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}($|[^\w-])`), "$1<phone>$2"},                             // China, mobile
	{regexp.MustCompile(`(^|[^\w.])\+\d{1,3}(?:[ -]?\(?\d{2,4}\)?){2,5}($|[^\w-])`), "$1<phone>$2"},                                   // international
	{regexp.MustCompile(`(^|[^\w.-])\(?0\d{2,3}\)?[ -]\d{7,8}($|[^\w-])`), "$1<phone>$2"},                                             // China, fixed line
}

var secretName = regexp.MustCompile(`(?i)(password|secret|token|api_?key|authorization|cookie)`)

// Mask replaces personal data and credentials by what they were.
func Mask(text string) string {
	for _, pattern := range patterns {
		for before := ""; before != text; { // two that share the character between them take two rounds
			before, text = text, pattern.form.ReplaceAllString(text, pattern.kept)
		}
	}
	return text
}

// New makes a logger of a service.
func New(out io.Writer, level slog.Level, service string) *slog.Logger {
	json := slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: replace})
	return slog.New(handler{json}).With("service", service)
}

// replace masks an attribute and gives those of slog the names that the Python services use.
func replace(groups []string, attr slog.Attr) slog.Attr {
	if attr.Key == slog.MessageKey && len(groups) == 0 {
		attr.Key = "message"
	}
	if secretName.MatchString(attr.Key) {
		return slog.String(attr.Key, "<credential>")
	}
	switch attr.Value.Kind() {
	case slog.KindString:
		attr.Value = slog.StringValue(Mask(attr.Value.String()))
	case slog.KindAny:
		if err, is := attr.Value.Any().(error); is {
			attr.Value = slog.StringValue(Mask(err.Error()))
		}
	}
	return attr
}

// handler adds the ids of the span in whose context a line is written.
type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, record slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
