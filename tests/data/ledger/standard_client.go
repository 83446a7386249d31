// A client of a ledger in the folder os.Args[2], built on the checksum database's own packages: golang.org/x/mod/sumdb.
//
//	vectors              print golden values of trees as JSON
//	verify DIR VKEY      verify the checkpoint, every entry, every tile, and that the tree grew from each smaller size asked for
//	receipt FILE VKEY ENTRY   verify a .tlog-proof for the entry in the file ENTRY
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "REFUSED:", err)
		os.Exit(1)
	}
}

func refuse(format string, args ...interface{}) { must(fmt.Errorf(format, args...)) }

// folder reads tiles from the paths of tlog-tiles, which lack the height that sumdb writes.
type folder struct{ root string }

func (f folder) Height() int                     { return 8 }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		path := "tile/" + strings.TrimPrefix(t.Path(), "tile/8/")
		data, err := os.ReadFile(filepath.Join(f.root, path))
		if width := t.W; os.IsNotExist(err) && width < 256 {
			t.W = 256
			data, err = os.ReadFile(filepath.Join(f.root, "tile/"+strings.TrimPrefix(t.Path(), "tile/8/")))
			if err == nil {
				data = data[:width*32]
			}
		}
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func openCheckpoint(data []byte, vkey string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}
}

func entries(dir string, size int64) [][]byte {
	var all [][]byte
	for n := int64(0); n*256 < size; n++ {
		width := 256
		if size-n*256 < 256 {
			width = int(size - n*256)
		}
		tile := tlog.Tile{H: 8, L: 0, N: n, W: width}
		path := "tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/0/")
		data, err := os.ReadFile(filepath.Join(dir, path))
		must(err)
		for len(data) > 0 {
			end := 2 + int(data[0])<<8 + int(data[1])
			all = append(all, data[2:end])
			data = data[end:]
		}
	}
	return all
}

func verify(dir, vkey string) {
	data, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	must(err)
	tree := openCheckpoint(data, vkey)
	reader := tlog.TileHashReader(tree, folder{dir})
	all := entries(dir, tree.N)
	if int64(len(all)) != tree.N {
		refuse("%d entries, the checkpoint says %d", len(all), tree.N)
	}
	proved := 0
	for n, entry := range all {
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(n))})
		must(err)
		if hashes[0] != tlog.RecordHash(entry) {
			refuse("entry %d differs from its tile", n)
		}
		if n%7 == 0 || n > len(all)-20 {
			proof, err := tlog.ProveRecord(tree.N, int64(n), reader)
			must(err)
			must(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(n), hashes[0]))
			proved++
		}
	}
	grew := 0
	for old := int64(1); old <= tree.N; old += 1 + tree.N/50 {
		smaller, err := tlog.TreeHash(old, reader)
		must(err)
		proof, err := tlog.ProveTree(tree.N, old, reader)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, old, smaller))
		grew++
	}
	fmt.Printf("verified %d entries, %d inclusion proofs, %d consistency proofs\n", tree.N, proved, grew)
}

func receipt(file, vkey, entryFile string) {
	data, err := os.ReadFile(file)
	must(err)
	entry, err := os.ReadFile(entryFile)
	must(err)
	cut := bytes.Index(data, []byte("\n\n"))
	lines := strings.Split(string(data[:cut]), "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		refuse("header %q", lines[0])
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	must(err)
	var proof tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		must(err)
		proof = append(proof, hash)
	}
	tree := openCheckpoint(data[cut+2:], vkey)
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	fmt.Printf("verified entry %d of %d\n", index, tree.N)
}

type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var all []tlog.Hash
	for _, index := range indexes {
		all = append(all, m[index])
	}
	return all, nil
}

// Entry n of the golden trees is the text "entry n".
func vectors() {
	sizes := map[int64]bool{1: true, 2: true, 3: true, 255: true, 256: true, 257: true, 511: true, 65535: true, 65536: true, 65537: true, 70000: true}
	var store memory
	result := map[string]interface{}{}
	var roots, inclusions, consistencies, tiles []interface{}
	for n := int64(0); n < 70000; n++ {
		hashes, err := tlog.StoredHashes(n, []byte(fmt.Sprintf("entry %d", n)), store)
		must(err)
		store = append(store, hashes...)
		size := n + 1
		if !sizes[size] {
			continue
		}
		root, err := tlog.TreeHash(size, store)
		must(err)
		roots = append(roots, map[string]interface{}{"size": size, "root": root})
		for _, index := range []int64{0, size / 3, size / 2, size - 1} {
			proof, err := tlog.ProveRecord(size, index, store)
			must(err)
			inclusions = append(inclusions, map[string]interface{}{"size": size, "index": index, "path": proof})
		}
		for _, old := range []int64{1, size / 3, size / 2, size - 1} {
			if old > 0 {
				proof, err := tlog.ProveTree(size, old, store)
				must(err)
				consistencies = append(consistencies, map[string]interface{}{"old": old, "new": size, "path": proof})
			}
		}
		if size == 257 || size == 70000 {
			for _, tile := range tlog.NewTiles(8, 0, size) {
				last := int(size >> (8 * uint(tile.L)) % 256)
				if tile.W != 256 && tile.W != last || tile.L == 0 && tile.N > 2 && tile.W == 256 {
					continue
				}
				data, err := tlog.ReadTileData(tile, store)
				must(err)
				sum := sha256.Sum256(data)
				path := "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
				tiles = append(tiles, map[string]interface{}{"size": size, "path": path, "sha256": base64.StdEncoding.EncodeToString(sum[:])})
			}
		}
	}
	result["roots"], result["inclusions"], result["consistencies"], result["tiles"] = roots, inclusions, consistencies, tiles
	result["source"] = "golang.org/x/mod v0.7.0, sumdb/tlog; entry n is the text \"entry n\""
	encoded, err := json.MarshalIndent(result, "", " ")
	must(err)
	os.Stdout.Write(append(encoded, '\n'))
}

func main() {
	switch os.Args[1] {
	case "vectors":
		vectors()
	case "verify":
		verify(os.Args[2], os.Args[3])
	case "receipt":
		receipt(os.Args[2], os.Args[3], os.Args[4])
	}
}
