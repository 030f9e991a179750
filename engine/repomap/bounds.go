package repomap

// bounds keep memory, disk and time in proportion whatever lies in the tree.
//
// In memory an index takes its bytes on disk, which the strings share, and about
// as much again for the tables; the graph 8 bytes for an edge and about 40 for a
// file. While sources are read, one parse for each processor more (package syntax
// bounds them).
type bounds struct {
	sourceBytes int64 // of a file; larger ones are generated or data
	indexBytes  int   // of all entries by index.cost, which is the most they can take; half as much is usual
	defs, uses  int   // of a file; the rest of it is not known
	edges       int   // of the graph
}

var defaultBounds = bounds{sourceBytes: 512 << 10, indexBytes: 256 << 20, defs: 256, uses: 512, edges: 4 << 20}

// Bounds of what is kept of one file, name and definition.
const (
	importsMax        = 64 // of a file
	nameBytesMin      = 2
	nameBytesMax      = 64
	signatureBytesMax = 240
	valueBytesMax     = 120 // of a constant with its value
)

// chunkFiles is how many changed files are read at once before their entries are
// put into the index in the order of their paths.
const chunkFiles = 256
