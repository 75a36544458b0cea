package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// policy lets the page load its own files and call its own origin, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// file is a file of the site, held as it is sent.
type file struct {
	content, packed     []byte // packed is nil where packing gains nothing
	contentType, caches string
}

// site answers from memory: what was not there at the start cannot be reached, however a path is written.
type site map[string]file

// readSite reads every file of the site. It fails where there is no page.
func readSite(folder fs.FS) (site, error) {
	found := site{}
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		one := file{content: content, packed: pack(content), contentType: contentType(name), caches: "no-cache"}
		if strings.HasPrefix(name, "assets/") { // their names change with their content
			one.caches = "public, max-age=31536000, immutable"
		}
		found["/"+name] = one
		return nil
	})
	if err != nil {
		return nil, err
	}
	page, ok := found["/index.html"]
	if !ok {
		return nil, fmt.Errorf("the site has no index.html")
	}
	found["/"] = page
	return found, nil
}

func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, fault{"method", r.Method, "GET", "this is a page"})
		return
	}
	one, ok := s[r.URL.Path]
	if !ok {
		refuse(w, http.StatusNotFound, fault{"path", path.Clean(r.URL.Path), "/", "there is no such page"})
		return
	}
	header := w.Header()
	header.Set("Content-Type", one.contentType)
	header.Set("Cache-Control", one.caches)
	header.Set("Vary", "Accept-Encoding")
	content := one.content
	if one.packed != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		content = one.packed
	}
	header.Set("Content-Length", fmt.Sprint(len(content)))
	w.Write(content) // net/http leaves the body out for HEAD
}

// pack compresses what gets smaller by it.
func pack(content []byte) []byte {
	var packed bytes.Buffer
	writer, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // fails for a wrong level only
	writer.Write(content)
	writer.Close()
	if packed.Len() >= len(content) {
		return nil
	}
	return packed.Bytes()
}

// contentType does not ask the machine's table of types: an image may have none.
func contentType(name string) string {
	switch extension := path.Ext(name); extension {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		if found := mime.TypeByExtension(extension); found != "" {
			return found
		}
		return "application/octet-stream"
	}
}
