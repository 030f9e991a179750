package ollama

import (
	"encoding/json"

	"github.com/ollama/ollama/api"

	"github.com/bitactor/cf/llm/disk"
)

// descriptionBytes is the longest kept answer of /api/show.
const descriptionBytes = 1 << 20

// descriptionPath names the file that keeps the server's description of a
// model. A digest is that of the model's manifest, so what it names never
// changes; what the server makes of it (capabilities, renderers) does with its
// version. "" where nothing is kept. Asking anew costs the server a walk
// through the model's file: 0.1 s for the smallest.
func (c *Client) descriptionPath(digest string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.options.CacheDir == "" || digest == "" || c.version == "" {
		return ""
	}
	return disk.Path(c.options.CacheDir, digest+"\n"+c.version, ".show")
}

// keptDescription returns the kept description of a digest, nil if there is none.
func (c *Client) keptDescription(digest string) *api.ShowResponse {
	path := c.descriptionPath(digest)
	if path == "" {
		return nil
	}
	data, err := disk.Read(path, descriptionBytes)
	if err != nil {
		return nil
	}
	show := new(api.ShowResponse)
	if json.Unmarshal(data, show) != nil {
		return nil
	}
	return show
}

// keepDescription saves what cf uses of a description. What runs elsewhere may
// change there and is never kept.
func (c *Client) keepDescription(digest string, show *api.ShowResponse) {
	path := c.descriptionPath(digest)
	if path == "" || show.RemoteHost != "" || show.RemoteModel != "" {
		return
	}
	kept := *show
	kept.License, kept.Modelfile, kept.Tensors, kept.ProjectorInfo = "", "", nil, nil
	if data, err := json.Marshal(kept); err == nil && len(data) <= descriptionBytes {
		// Best effort: without the file the next start asks the server again.
		_ = disk.Write(path, data)
	}
}
