package ollama

// Memory is what the machine of the server has in all, not what is free now: a
// window chosen from it is the same at every start.
type Memory struct {
	Main    int64 // bytes of main memory; 0 = unknown
	GPU     int64 // bytes of memory of the largest GPU; 0 = none or unknown
	Unified bool  // GPU and CPU share Main (Apple silicon)
}
