// The parent's side of run_sql(). What passes between the two (docs/formats/lake.md):
// stdin: {"folder", "sql", "memory_mb", "rows", "bytes"}; stdout: a line "ok" or an error code's
// name, then the JSON result or the error's message.
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

os::ProcessOptions options_of(const std::string& executable, const SqlLimits& limits) {
  os::ProcessOptions options;
  options.argv = {executable, "sql-worker"};
  options.max_output = limits.bytes + kMaxMessage;
  options.memory_bytes = (limits.memory_mb + kReservedMb) << 20;
  options.time = limits.time;
  options.max_open_files = kOpenFiles;
  return options;
}

base::Result<base::Bytes> request_of(const std::string& tenant_folder, std::string_view sql,
                                     const SqlLimits& limits) {
  if (sql.size() > kMaxSql)
    return Error(Code::kInvalid, "the query has more than " + std::to_string(kMaxSql) + " bytes");
  const nlohmann::json request = {{"folder", tenant_folder},
                                  {"sql", sql},
                                  {"memory_mb", limits.memory_mb},
                                  {"rows", limits.rows},
                                  {"bytes", limits.bytes}};
  const std::string text = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return base::Bytes(text.begin(), text.end());
}

base::Result<SqlResult> answer_of(const os::ProcessResult& result, const SqlLimits& limits) {
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

}  // namespace

base::Result<SqlResult> run_sql(const std::string& executable, const std::string& tenant_folder,
                                std::string_view sql, const SqlLimits& limits) {
  os::ProcessOptions options = options_of(executable, limits);
  LANDER_ASSIGN(options.input, request_of(tenant_folder, sql, limits));
  LANDER_ASSIGN(const os::ProcessResult result, os::run_process(options));
  return answer_of(result, limits);
}

SqlRunner::SqlRunner(std::string executable, const SqlLimits& limits)
    : executable_(std::move(executable)), limits_(limits) {}

base::Result<SqlResult> SqlRunner::run(const std::string& tenant_folder, std::string_view sql) {
  LANDER_ASSIGN(const base::Bytes request, request_of(tenant_folder, sql, limits_));
  if (!next_ || !next_->alive()) return run_sql(executable_, tenant_folder, sql, limits_);
  os::Process child = std::move(*next_);
  next_.reset();
  LANDER_ASSIGN(const os::ProcessResult result, child.finish(request));
  return answer_of(result, limits_);
}

void SqlRunner::start_next() {
  if (next_ && next_->alive()) return;
  next_.reset();
  auto started = os::Process::start(options_of(executable_, limits_));
  if (started.ok()) next_.emplace(std::move(*started));  // else run() tells why
}

}  // namespace lander::lake
