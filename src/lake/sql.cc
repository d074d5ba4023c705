// The parent's side of run_sql(). What passes between the two (docs/formats/lake.md):
// stdin: {"sql", "memory_mb", "rows", "bytes"}; stdout: a line "ok" or an error code's name, then
// the JSON result or the error's message.
#include <nlohmann/json.hpp>

#include "lake/lake.h"
#include "os/process.h"

namespace lander::lake {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kMaxSql = 256u << 10;
constexpr std::size_t kMaxMessage = 64u << 10;
// Address space that is not the query's: DuckDB's library, reserved arenas, the stack.
#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t kReservedMb = 32u << 20;  // AddressSanitizer maps 16 TiB for its shadow
#else
constexpr std::uint64_t kReservedMb = 1024;
#endif
constexpr unsigned kOpenFiles = 1024;

Error failure_of(const os::ProcessResult& result, const SqlLimits& limits) {
  if (result.timed_out)
    return Error(Code::kTimeout, "the query took longer than " + base::to_text(limits.time));
  return Error(Code::kExhausted, "the query's process ended (signal " +
                                     std::to_string(result.signal) + ", exit " +
                                     std::to_string(result.exit_code) +
                                     "), likely for want of memory: " + result.error_tail);
}

}  // namespace

base::Result<SqlResult> run_sql(const std::string& executable, const std::string& tenant_folder,
                                std::string_view sql, const SqlLimits& limits) {
  if (sql.size() > kMaxSql)
    return Error(Code::kInvalid, "the query has more than " + std::to_string(kMaxSql) + " bytes");
  const nlohmann::json request = {{"sql", sql},
                                  {"memory_mb", limits.memory_mb},
                                  {"rows", limits.rows},
                                  {"bytes", limits.bytes}};
  const std::string input = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  os::ProcessOptions options;
  options.argv = {executable, "sql-worker", tenant_folder};
  options.input.assign(input.begin(), input.end());
  options.max_output = limits.bytes + kMaxMessage;
  options.memory_bytes = (limits.memory_mb + kReservedMb) << 20;
  options.time = limits.time;
  options.max_open_files = kOpenFiles;
  LANDER_ASSIGN(const os::ProcessResult result, os::run_process(options));
  const std::string_view output = base::as_text(result.output);
  const std::size_t line = output.find('\n');
  if (!result.succeeded() || line == std::string_view::npos) return failure_of(result, limits);
  const std::string_view status = output.substr(0, line);
  std::string body(output.substr(line + 1));
  if (status == "ok") return SqlResult{std::move(body)};
  for (const Code code : {Code::kInvalid, Code::kExhausted, Code::kDenied, Code::kCorrupt})
    if (status == base::to_string(code)) return Error(code, std::move(body));
  return Error(Code::kInternal, std::move(body));
}

}  // namespace lander::lake
