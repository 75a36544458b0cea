package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	for text, wanted := range map[string]string{
		"write to li.wei+a@example.com.cn now":           "write to <email> now",
		"call 13800138000, or +86 138 0013 8000":         "call <phone>, or <phone>",
		"13800138000 13800138001 13800138002":            "<phone> <phone> <phone>",
		"office 010-12345678":                            "office <phone>",
		"abroad +44 20 7946 0958":                        "abroad <phone>",
		"id 11010519491231002X.":                         "id <id>.",
		"ssn 078-05-1120":                                "ssn <id>",
		"Authorization: Bearer abc.def-g":                "Authorization: Bearer <credential>",
		"offered bearer.eyJhbGciOiJIUzI1NiJ9.e30.x":      "offered bearer <credential>",
		"token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.sig": "token <token>",
		// What only looks like it stays.
		"0198c1f0-1380-7138-8001-380013800001": "0198c1f0-1380-7138-8001-380013800001",
		"took 13800138000123 ns":               "took 13800138000123 ns",
		"at 10.244.3.17:8080":                  "at 10.244.3.17:8080",
	} {
		if found := Mask(text); found != wanted {
			t.Errorf("%q became %q, wanted %q", text, found, wanted)
		}
	}
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	log := New(&out, slog.LevelInfo, "gateway")
	log.With("to", "a@b.cn").Info("sent to c@d.cn", "error", errors.New("e@f.cn is full"), "password", "hunter2", slog.Group("in", "phone", "13800138000"))
	log.Debug("not said")
	if bytes.Count(out.Bytes(), []byte("\n")) != 1 || strings.ContainsAny(out.String(), "@") || strings.Contains(out.String(), "hunter2") {
		t.Errorf("found %s", out.String())
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["message"] != "sent to <email>" || line["service"] != "gateway" || line["level"] != "INFO" || line["in"].(map[string]any)["phone"] != "<phone>" {
		t.Errorf("found %v", line)
	}
}
