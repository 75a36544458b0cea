package server

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
)

type operation struct {
	Security []map[string][]string `json:"security"`
	Body     *struct {
		Content map[string]any `json:"content"`
	} `json:"requestBody"`
	Parameters []struct{ In, Name string } `json:"parameters"`
	Responses  map[string]any              `json:"responses"`
	Operator   bool                        `json:"x-operator"`
}

// The page and the routes are one.
func TestOpenAPI(t *testing.T) {
	text, err := os.ReadFile("../../openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var page struct {
		OpenAPI    string                          `json:"openapi"`
		Paths      map[string]map[string]operation `json:"paths"`
		Components struct {
			Schemas         map[string]any `json:"schemas"`
			SecuritySchemes map[string]any `json:"securitySchemes"`
			Responses       map[string]any `json:"responses"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &page); err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), `"$ref": "#/components/`)[1:] {
		kind, name, _ := strings.Cut(part[:strings.Index(part, `"`)], "/")
		if found := map[string]map[string]any{"schemas": page.Components.Schemas, "responses": page.Components.Responses}[kind]; found[name] == nil {
			t.Errorf("it refers to %s %s, which there is not", kind, name)
		}
	}
	for _, r := range start(t, says(200, `{}`)).routes(http.NotFoundHandler()) {
		name := r.method + " " + r.path
		described, is := page.Paths[r.path][strings.ToLower(r.method)]
		if !is {
			t.Errorf("%s is not on the page", name)
			continue
		}
		delete(page.Paths[r.path], strings.ToLower(r.method))
		if wants := len(described.Security) > 0 && len(described.Security[0]) > 0; wants != (r.access != anybody) {
			t.Errorf("%s: on the page, wants a token is %v", name, wants)
		}
		if described.Operator != (r.access == operator) {
			t.Errorf("%s: on the page, for operators is %v", name, described.Operator)
		}
		_, refuses := described.Responses["401"]
		if r.access != anybody && !refuses {
			t.Errorf("%s: the page has no 401", name)
		}
		kinds := map[string]bool{}
		for _, kind := range r.takes.kinds {
			kinds[kind] = true
		}
		if described.Body != nil {
			for kind := range described.Body.Content {
				if !kinds[kind] {
					t.Errorf("%s: it takes no %s", name, kind)
				}
				delete(kinds, kind)
			}
		}
		for kind := range kinds {
			t.Errorf("%s: on the page, it takes no %s", name, kind)
		}
		if strings.Contains(r.path, "{id}") != (len(described.Parameters) > 0 && described.Parameters[0].In == "path" && described.Parameters[0].Name == "id") {
			t.Errorf("%s: its parameters are %v", name, described.Parameters)
		}
	}
	for path, left := range page.Paths {
		for method := range left {
			t.Errorf("%s %s is on the page alone", strings.ToUpper(method), path)
		}
	}
}
