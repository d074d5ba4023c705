// The child's side of run_sql(): one in-memory DuckDB, one view a table, everything locked, one
// SELECT.
#include <duckdb.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <optional>

#include <nlohmann/json.hpp>

#include "lake/delta.h"
#include "lake/duck.h"
#include "lake/lake.h"
#include "os/clock.h"

namespace lander::lake {
namespace {

using base::Code;
using base::Error;
using nlohmann::json;

struct Request {
  std::string folder, sql;
  std::uint64_t memory_mb = 0, rows = 0, bytes = 0;
};

base::Result<Request> read_request() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  const json parsed = json::parse(text, nullptr, false);
  Request out;
  const auto text_at = [&](const char* key) {
    const auto at = parsed.find(key);
    return at != parsed.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  if (parsed.is_object()) {
    out.folder = text_at("folder");
    out.sql = text_at("sql");
  }
  if (out.folder.empty() || !parsed.contains("sql"))
    return Error(Code::kInvalid, "expected a request {\"folder\", \"sql\", ...} on stdin");
  const auto number = [&](const char* key) {
    const auto at = parsed.find(key);
    return at != parsed.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
  };
  out.memory_mb = number("memory_mb");
  out.rows = number("rows");
  out.bytes = number("bytes");
  if (out.memory_mb == 0 || out.rows == 0 || out.bytes == 0)
    return Error(Code::kInvalid, "expected memory_mb, rows and bytes over 0");
  return out;
}

base::Status make_views(Session& session, const std::string& folder) {
  os::Files& files = os::system_files();
  for (const Table table : kAllTables) {
    const std::string table_folder = folder + '/' + std::string(name_of(table));
    Snapshot snapshot;
    LANDER_TRY(advance(files, session, table_folder, kNewest, snapshot));
    std::string select = empty_select(table);
    if (!snapshot.files.empty()) {
      select = "SELECT * FROM read_parquet([";
      for (const auto& [path, file] : snapshot.files)
        select += (select.back() == '[' ? "" : ",") + sql_literal(table_folder + '/' + path);
      select += "])";
    }
    LANDER_TRY(session.run("CREATE VIEW " + std::string(name_of(table)) + " AS " + select));
  }
  return {};
}

// The order matters: the last makes the others final.
base::Status lock(Session& session, const std::string& folder) {
  LANDER_TRY(session.run("SET allowed_directories=[" + sql_literal(folder) + "]"));
  LANDER_TRY(session.run("SET enable_external_access=false"));
  return session.run("SET lock_configuration=true");
}

// --- Values to JSON ------------------------------------------------------------------------------

bool is_native(duckdb_type type) {
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_VARCHAR:
      return true;
    default:
      return false;
  }
}

void put_text(std::string& out, std::string_view text) {
  out += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

template <class T>
void put_integer(std::string& out, T value) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53;  // of a reader's doubles
  const bool exact = std::cmp_less_equal(value, kExact) && std::cmp_greater_equal(value, -kExact);
  if (exact)
    out += std::to_string(value);
  else
    put_text(out, std::to_string(value));
}

void put_real(std::string& out, double value, bool single) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else if (single) {
    char text[32];
    out.append(text, std::to_chars(text, text + sizeof text, static_cast<float>(value)).ptr);
  } else {
    out += json(value).dump();  // the shortest text that reads back to the same bits
  }
}

void put_time(std::string& out, std::int64_t value) {
  if (value == INT64_MAX || value == -INT64_MAX)
    out += value > 0 ? "\"infinity\"" : "\"-infinity\"";
  else
    put_text(out, base::to_rfc3339(value));
}

void put_value(std::string& out, duckdb_vector vector, duckdb_type type, idx_t row) {
  std::uint64_t* validity = duckdb_vector_get_validity(vector);
  if (validity && !duckdb_validity_row_is_valid(validity, row)) {
    out += "null";
    return;
  }
  void* data = duckdb_vector_get_data(vector);
  const auto at = [&]<class T>(T) { return static_cast<T*>(data)[row]; };
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
      out += at(bool{}) ? "true" : "false";
      return;
    case DUCKDB_TYPE_TINYINT:
      return put_integer(out, int{at(std::int8_t{})});
    case DUCKDB_TYPE_SMALLINT:
      return put_integer(out, at(std::int16_t{}));
    case DUCKDB_TYPE_INTEGER:
      return put_integer(out, at(std::int32_t{}));
    case DUCKDB_TYPE_BIGINT:
      return put_integer(out, at(std::int64_t{}));
    case DUCKDB_TYPE_UTINYINT:
      return put_integer(out, int{at(std::uint8_t{})});
    case DUCKDB_TYPE_USMALLINT:
      return put_integer(out, at(std::uint16_t{}));
    case DUCKDB_TYPE_UINTEGER:
      return put_integer(out, at(std::uint32_t{}));
    case DUCKDB_TYPE_UBIGINT:
      return put_integer(out, at(std::uint64_t{}));
    case DUCKDB_TYPE_FLOAT:
      return put_real(out, at(float{}), true);
    case DUCKDB_TYPE_DOUBLE:
      return put_real(out, at(double{}), false);
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return put_time(out, at(std::int64_t{}));
    default: {
      duckdb_string_t text = static_cast<duckdb_string_t*>(data)[row];
      return put_text(out, {duckdb_string_t_data(&text), duckdb_string_t_length(text)});
    }
  }
}

// --- The query -----------------------------------------------------------------------------------

std::string type_name(duckdb_type type) {
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
      return "BOOLEAN";
    case DUCKDB_TYPE_TINYINT:
      return "TINYINT";
    case DUCKDB_TYPE_SMALLINT:
      return "SMALLINT";
    case DUCKDB_TYPE_INTEGER:
      return "INTEGER";
    case DUCKDB_TYPE_BIGINT:
      return "BIGINT";
    case DUCKDB_TYPE_UTINYINT:
      return "UTINYINT";
    case DUCKDB_TYPE_USMALLINT:
      return "USMALLINT";
    case DUCKDB_TYPE_UINTEGER:
      return "UINTEGER";
    case DUCKDB_TYPE_UBIGINT:
      return "UBIGINT";
    case DUCKDB_TYPE_HUGEINT:
      return "HUGEINT";
    case DUCKDB_TYPE_FLOAT:
      return "FLOAT";
    case DUCKDB_TYPE_DOUBLE:
      return "DOUBLE";
    case DUCKDB_TYPE_DECIMAL:
      return "DECIMAL";
    case DUCKDB_TYPE_TIMESTAMP:
      return "TIMESTAMP";
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return "TIMESTAMPTZ";
    case DUCKDB_TYPE_DATE:
      return "DATE";
    case DUCKDB_TYPE_TIME:
      return "TIME";
    case DUCKDB_TYPE_INTERVAL:
      return "INTERVAL";
    case DUCKDB_TYPE_LIST:
      return "LIST";
    case DUCKDB_TYPE_STRUCT:
      return "STRUCT";
    case DUCKDB_TYPE_MAP:
      return "MAP";
    case DUCKDB_TYPE_UUID:
      return "UUID";
    case DUCKDB_TYPE_BLOB:
      return "BLOB";
    default:
      return "VARCHAR";
  }
}

Code code_of(duckdb_error_type type) {
  switch (type) {
    case DUCKDB_ERROR_OUT_OF_MEMORY:
      return Code::kExhausted;
    case DUCKDB_ERROR_PERMISSION:
      return Code::kDenied;
    case DUCKDB_ERROR_INTERNAL:
    case DUCKDB_ERROR_FATAL:
      return Code::kInternal;
    default:
      return Code::kInvalid;
  }
}

struct Prepared {
  duckdb_prepared_statement statement = nullptr;
  ~Prepared() { duckdb_destroy_prepare(&statement); }
};

base::Status prepare_one(duckdb_connection connection, const std::string& sql, Prepared& out) {
  duckdb_extracted_statements statements = nullptr;
  const idx_t count = duckdb_extract_statements(connection, sql.c_str(), &statements);
  base::Status status;
  if (count != 1) {
    const char* message = duckdb_extract_statements_error(statements);
    status = Error(Code::kInvalid,
                   message ? message : "expected one query, found " + std::to_string(count));
  } else if (duckdb_prepare_extracted_statement(connection, statements, 0, &out.statement) !=
             DuckDBSuccess) {
    const char* message = duckdb_prepare_error(out.statement);
    status = Error(Code::kInvalid, message ? message : "the query cannot be prepared");
  } else if (duckdb_prepared_statement_type(out.statement) != DUCKDB_STATEMENT_TYPE_SELECT) {
    status = Error(Code::kDenied,
                   "only queries are allowed here: SELECT, FROM, WITH, VALUES, "
                   "DESCRIBE or SUMMARIZE");
  }
  duckdb_destroy_extracted(&statements);
  return status;
}

// What JSON has no form for is turned into text by DuckDB, around the user's query.
std::optional<std::string> with_texts(const std::string& sql, const Prepared& prepared) {
  const idx_t columns = duckdb_prepared_statement_column_count(prepared.statement);
  std::string select, names;
  bool needed = false;
  for (idx_t i = 0; i < columns; ++i) {
    const std::string name = "c" + std::to_string(i);
    const bool native = is_native(duckdb_prepared_statement_column_type(prepared.statement, i));
    needed |= !native;
    select += (i ? ", " : "") + (native ? name : name + "::VARCHAR");
    names += (i ? ", " : "") + name;
  }
  if (!needed) return std::nullopt;
  std::string inner = sql;
  while (!inner.empty() &&
         (std::isspace(static_cast<unsigned char>(inner.back())) || inner.back() == ';'))
    inner.pop_back();
  return "SELECT " + select + " FROM (\n" + inner + "\n) AS q(" + names + ")";
}

std::string header_of(const Prepared& prepared) {
  std::string out = "{\"columns\":[";
  const idx_t columns = duckdb_prepared_statement_column_count(prepared.statement);
  for (idx_t i = 0; i < columns; ++i) {
    const char* name = duckdb_prepared_statement_column_name(prepared.statement, i);
    out += i ? ",{\"name\":" : "{\"name\":";
    put_text(out, name ? name : "");
    duckdb_free(const_cast<char*>(name));
    out += ",\"type\":\"" +
           type_name(duckdb_prepared_statement_column_type(prepared.statement, i)) + "\"}";
  }
  return out + "],\"rows\":[";
}

// Appends rows until a limit is met; true: there were more.
bool put_rows(duckdb_result& result, const Request& request, std::string& out) {
  const idx_t columns = duckdb_column_count(&result);
  std::uint64_t rows = 0;
  while (duckdb_data_chunk chunk = duckdb_fetch_chunk(result)) {
    for (idx_t row = 0; row < duckdb_data_chunk_get_size(chunk); ++row) {
      const std::size_t before = out.size();
      out += rows ? ",[" : "[";
      for (idx_t column = 0; column < columns; ++column) {
        if (column) out += ',';
        put_value(out, duckdb_data_chunk_get_vector(chunk, column),
                  duckdb_column_type(&result, column), row);
      }
      out += ']';
      if (++rows > request.rows || out.size() > request.bytes) {
        out.resize(before);
        duckdb_destroy_data_chunk(&chunk);
        return true;
      }
    }
    duckdb_destroy_data_chunk(&chunk);
  }
  return false;
}

base::Result<std::string> answer(duckdb_connection connection, const Request& request) {
  const base::TimeUs began = os::system_clock().monotonic_us();
  Prepared prepared, texts;
  LANDER_TRY(prepare_one(connection, request.sql, prepared));
  std::string out = header_of(prepared);
  duckdb_prepared_statement statement = prepared.statement;
  if (const auto wrapped = with_texts(request.sql, prepared)) {
    LANDER_TRY(prepare_one(connection, *wrapped, texts));
    statement = texts.statement;
  }
  duckdb_result result;
  base::Status failed;
  bool truncated = false;
  // Streaming: a query with more rows than the limit stops early and needs no memory for the rest.
  if (duckdb_execute_prepared_streaming(statement, &result) == DuckDBSuccess)
    truncated = put_rows(result, request, out);
  if (const char* message = duckdb_result_error(&result))
    failed = Error(code_of(duckdb_result_error_type(&result)), message);
  duckdb_destroy_result(&result);
  if (!failed.ok()) return failed.error();
  const base::DurationUs spent = os::system_clock().monotonic_us() - began;
  return out + "],\"truncated\":" + (truncated ? "true" : "false") +
         ",\"ms\":" + std::to_string(spent / base::kMillisecond) + "}";
}

// What the first query of a process pays for: code and tables that it touches.
constexpr char kWarmUp[] =
    "SELECT k, count(*), avg(v), max(v) FROM (VALUES ('a', 1.5, now()), ('b', 2.5, now())) t(k, v, "
    "t) "
    "WHERE t >= '2020-01-01 00:00:00Z' GROUP BY k ORDER BY k";
constexpr std::uint64_t kStartMb = 64;  // until the request tells

// Borrows what must not be closed: see sql_worker_main().
base::Result<std::string> serve(std::unique_ptr<Duck>& duck, std::unique_ptr<Session>& session) {
  LANDER_ASSIGN(duck, Duck::open(kStartMb));
  LANDER_ASSIGN(session, Session::open(*duck));
  LANDER_TRY(session->run(kWarmUp));
  LANDER_ASSIGN(const Request request, read_request());  // waits, perhaps for hours
  LANDER_TRY(session->run("SET memory_limit='" + std::to_string(request.memory_mb) + "MiB'"));
  LANDER_TRY(make_views(*session, request.folder));
  LANDER_TRY(lock(*session, request.folder));
  return answer(session->handle(), request);
}

}  // namespace

void sql_worker_main() {
  std::unique_ptr<Duck> duck;
  std::unique_ptr<Session> session;
  const auto result = serve(duck, session);
  const std::string status =
      result.ok() ? "ok" : std::string(base::to_string(result.error().code()));
  const std::string& body = result.ok() ? *result : result.error().message();
  std::cout << status << '\n' << body << std::flush;
  std::_Exit(std::cout.good() ? 0 : 1);  // the user waits: the system frees faster than DuckDB
}

}  // namespace lander::lake
