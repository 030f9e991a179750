package clean

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// What lies outside of the program, by the names of what goes there.
var (
	boundary = lazyregexp.New(`\b(?:File|IO|Path|Port|System|Req|HTTPoison|Finch|Tesla|Mint|Jason|Poison|JSON|URI|Base|Integer|Float|Decimal|Date|DateTime|NaiveDateTime|Time|Code|Node|Repo|Application|Registry|Process|GenServer|Agent|Task|Supervisor|DynamicSupervisor|Module|Mix|Regex|Logger)\.\w|\bJOSE\.\w|:(?:gen_tcp|gen_udp|ssl|inet|inet_res|httpc|ets|dets|mnesia|file|os|net_adm|net_kernel|rpc|erpc|gen_server|erlang|persistent_term|code|zlib|json|erl_eval|erl_scan|beam_lib|public_key|crypto|global|pg|ra|telemetry)\.\w|\b(?:String\.to_(?:integer|float|atom|existing_atom)|apply|send|receive|exit|struct!?)\b|\w*(?:parse|decode|deserialize|connect|fetch|request|read|load|eval|close|stop|kill|shutdown|cleanup|unlink|remove|delete|getattr|open|import|socket|subprocess|recv|print|log|flush|write|terminate|release|cancel|del)\w*[!?]?\(|\b(?:import|os\.|sys\.|shutil\.|json\.|requests\.|httpx\.|aiohttp\.|urllib|float|int)\b|\bList\.to_\w+|\.__info__\(|\.module_info\(`)
	// pure computes, or answers a default, whatever its name
	pure = lazyregexp.New(strings.Join([]string{
		`\b(?:Map|Keyword|MapSet|Enum|List|Tuple|Access|Stream)\.(?:fetch|delete|read|open|stop|flush|pop_in|drop|reject|remove)\w*[!?]?\(`,
		`\bPath\.(?:absname|join|basename|dirname|extname|rootname|split|type|relative\w*)\b`,
		`\bSystem\.(?:get_env|version|monotonic_time|system_time|os_time|unique_integer|convert_time_unit)\b`,
		`\bProcess\.(?:get|put|flag|monitor)\b`,
		`\bApplication\.(?:get_env|fetch_env|spec)\(`,
		`\bRegex\.(?:replace|match\?|run|scan|split)`,
		`\b(?:DateTime|NaiveDateTime)\.utc_now\b|\bDate\.utc_today\b`,
		`\bIO\.(?:inspect|warn|iodata_to_binary|iodata_length|chardata_to_string)\b|%IO\.`,
		`\b(?:String|Integer|Float|Atom|Version)\.(?:to_string|to_charlist|to_atom)\b`,
		`\b(?:Logger|Module)\.\w+|\bMix\.(?:raise|shell|env|target|compilers|Project\.config)\b`,
		`\bCode\.get_compiler_option\b`,
		`:persistent_term\.put\b|:erlang\.(?:atom_to_\w+|system_info|monotonic_time|unique_integer)\b`,
		`:erlang\.(?:bs[lr]|band|bor|bxor|bnot|make_fun|fun_info|element|setelement|tuple_size|map_size|byte_size|length|phash2|is_\w+)\b`,
	}, "|"))
	// exiting asks another process and exits where that fails, which no rescue sees
	exiting = lazyregexp.New(`\b(?:GenServer|Supervisor|DynamicSupervisor|Agent|Task)\.\w+|:gen_server\.\w+`)
)

// crossed returns the first call in a text that leaves the program; "" for none. Those of
// modules that only compute do not, whatever their name.
func crossed(text string) string { return boundary.FindString(pure.ReplaceAllString(text, "")) }

// outside says why a call stays handled; "" for none.
func outside(call string) string {
	if call == "" {
		return ""
	}
	return fmt.Sprintf("a boundary: %s can fail by what lies outside of this program", strings.TrimRight(strings.TrimSpace(call), "("))
}
