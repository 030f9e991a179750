package sandbox

// TestOnlyABI makes b use Landlock as a kernel of that ABI has it.
func (b *Box) TestOnlyABI(abi int) { b.found.ABI = abi }
