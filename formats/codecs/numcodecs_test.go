package codecs

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What is encoded here must be what numcodecs itself decodes: readers of our stores have nothing else.
func TestNumcodecsDecodesWhatWeEncode(t *testing.T) {
	run, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "oracle", "run"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(run); err != nil {
		t.Skip("no Python with numcodecs beside the checkout:", err)
	}
	type question struct {
		Config     map[string]any
		Raw, Plain []byte
	}
	var questions []question
	for _, data := range [][]byte{smoothFloats(300), make([]byte, 8000), {1, 2, 3, 4, 5, 6, 7, 8}} {
		for _, config := range []map[string]any{
			{"id": "zlib", "level": 0}, {"id": "zlib", "level": 4}, {"id": "gzip", "level": 9}, {"id": "shuffle", "elementsize": 8},
			{"id": "fletcher32"}, {"id": "zstd", "level": 1}, {"id": "zstd", "level": 19}, {"id": "lz4", "acceleration": 1},
			{"id": "blosc", "cname": "zstd", "clevel": 5, "shuffle": 1},
		} {
			codec, err := FromConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := codec.Encode(data)
			if err != nil {
				t.Fatal(err)
			}
			questions = append(questions, question{codec.Config(), raw, data})
		}
	}
	input, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(run, "python3", "-c", `
import base64, json, sys, numcodecs
questions = json.load(sys.stdin)
for q in questions:
    got = bytes(numcodecs.compat.ensure_bytes(numcodecs.get_codec(q["Config"]).decode(base64.b64decode(q["Raw"]))))
    assert got == base64.b64decode(q["Plain"]), q["Config"]
print(len(questions), "decoded")
`)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		// A machine may have the script and not what it runs in.
		if exit, ok := err.(*exec.ExitError); ok && exit.ExitCode() == 3 {
			t.Skipf("the oracle isn't set up: %s", out)
		}
		t.Fatalf("%v: %s", err, out)
	}
	if want := "27 decoded\n"; string(out) != want {
		t.Fatalf("%q, want %q", out, want)
	}
}
