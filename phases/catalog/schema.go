package catalog

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed schemas
var schemaFiles embed.FS

const (
	itemSchema       = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"
	catalogSchema    = "https://schemas.stacspec.org/v1.1.0/catalog-spec/json-schema/catalog.json"
	collectionSchema = "https://schemas.stacspec.org/v1.1.0/collection-spec/json-schema/collection.json"
)

// schemaURL is the published address of an embedded schema, by its place.
func schemaURL(file string) string {
	name := path.Base(file)
	switch kind := strings.TrimSuffix(name, ".json"); {
	case strings.Contains(file, "/geojson/"):
		return "https://geojson.org/schema/" + name
	case strings.Contains(file, "/extensions/"):
		for _, uri := range []string{datacubeURI, fileURI, processingURI, xarrayURI} {
			if strings.Contains(uri, "/"+kind+"/") {
				return uri
			}
		}
	case kind == "catalog", kind == "collection":
		return "https://schemas.stacspec.org/v1.1.0/" + kind + "-spec/json-schema/" + name
	}
	return "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/" + name
}

// validator holds documents against the embedded schemas. It fetches nothing.
type validator struct{ schemas *jsonschema.Compiler }

func newValidator() (*validator, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	err := fs.WalkDir(schemaFiles, "schemas", func(file string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(file) != ".json" {
			return err
		}
		b, err := schemaFiles.ReadFile(file)
		if err != nil {
			return err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return fmt.Errorf("embedded schema %s: %w", file, err)
		}
		return c.AddResource(schemaURL(file), doc)
	})
	if err != nil {
		return nil, err
	}
	return &validator{c}, nil
}

// check holds a document against a schema, and against those of the extensions it names.
func (v *validator) check(schema string, document []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}
	var head struct {
		Extensions []string `json:"stac_extensions"`
	}
	if err := json.Unmarshal(document, &head); err != nil {
		return err
	}
	for _, url := range append([]string{schema}, head.Extensions...) {
		s, err := v.schemas.Compile(url)
		if err != nil {
			return fmt.Errorf("schema %s: %w", url, err)
		}
		if err := s.Validate(doc); err != nil {
			return fmt.Errorf("not valid: %w", err)
		}
	}
	return nil
}
