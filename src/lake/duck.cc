#include "lake/duck.h"

#include <duckdb.h>

#include <atomic>
#include <cstring>
#include <optional>

#include "base/check.h"

namespace lander::lake {
namespace {

using base::Code;
using base::Error;

// DuckDB frees with the address of the handle.
struct ResultHolder {
  duckdb_result result{};
  ~ResultHolder() { duckdb_destroy_result(&result); }
};

Code code_of(duckdb_error_type type) {
  switch (type) {
    case DUCKDB_ERROR_OUT_OF_MEMORY:
      return Code::kExhausted;
    case DUCKDB_ERROR_IO:
      return Code::kIo;
    default:
      return Code::kInternal;
  }
}

Error error_of(duckdb_result* result, std::string_view what) {
  const char* message = duckdb_result_error(result);
  return Error(code_of(duckdb_result_error_type(result)),
               std::string(what) + ": " + (message ? message : "DuckDB gave no reason"));
}

base::Result<Value> value_at(duckdb_vector vector, duckdb_type type, idx_t row) {
  std::uint64_t* validity = duckdb_vector_get_validity(vector);
  if (validity && !duckdb_validity_row_is_valid(validity, row)) return Value();
  void* data = duckdb_vector_get_data(vector);
  switch (type) {
    case DUCKDB_TYPE_VARCHAR: {
      duckdb_string_t text = static_cast<duckdb_string_t*>(data)[row];
      return Value(std::string(duckdb_string_t_data(&text), duckdb_string_t_length(text)));
    }
    case DUCKDB_TYPE_INTEGER:
      return Value(std::int64_t{static_cast<std::int32_t*>(data)[row]});
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return Value(static_cast<std::int64_t*>(data)[row]);
    case DUCKDB_TYPE_DOUBLE:
      return Value(static_cast<double*>(data)[row]);
    case DUCKDB_TYPE_BOOLEAN:
      return Value(static_cast<bool*>(data)[row]);
    default:
      return Error(Code::kUnsupported,
                   "a column of DuckDB type " + std::to_string(static_cast<int>(type)));
  }
}

}  // namespace

base::Result<std::unique_ptr<Duck>> Duck::open(std::uint64_t memory_limit_mb) {
  duckdb_config config = nullptr;
  if (duckdb_create_config(&config) != DuckDBSuccess)
    return Error(Code::kExhausted, "opening DuckDB: no memory for its configuration");
  duckdb_set_config(config, "threads", "1");
  duckdb_set_config(config, "memory_limit", (std::to_string(memory_limit_mb) + "MiB").c_str());
  duckdb_set_config(config, "temp_directory", "");
  duckdb_set_config(config, "autoinstall_known_extensions", "false");
  duckdb_set_config(config, "autoload_known_extensions", "false");
  std::unique_ptr<Duck> duck(new Duck());
  char* message = nullptr;
  const duckdb_state state = duckdb_open_ext(nullptr, &duck->database_, config, &message);
  duckdb_destroy_config(&config);
  if (state == DuckDBSuccess) return duck;
  Error error(Code::kIo, std::string("opening DuckDB: ") + (message ? message : "no reason given"));
  duckdb_free(message);
  return error;
}

Duck::~Duck() { duckdb_close(&database_); }

base::Result<std::unique_ptr<Session>> Session::open(Duck& duck) {
  std::unique_ptr<Session> session(new Session());
  if (duckdb_connect(duck.database_, &session->connection_) != DuckDBSuccess)
    return Error(Code::kExhausted, "connecting to DuckDB failed");
  LANDER_TRY(session->run("SET TimeZone='UTC'"));
  return session;
}

Session::~Session() { duckdb_disconnect(&connection_); }

base::Status Session::run(const std::string& sql) {
  ResultHolder holder;
  if (duckdb_query(connection_, sql.c_str(), &holder.result) == DuckDBSuccess) return {};
  return error_of(&holder.result, "running \"" + sql.substr(0, 60) + "\"");
}

base::Result<std::vector<std::vector<Value>>> Session::query(const std::string& sql) {
  ResultHolder holder;
  if (duckdb_query(connection_, sql.c_str(), &holder.result) != DuckDBSuccess)
    return error_of(&holder.result, "querying the lake");
  const idx_t columns = duckdb_column_count(&holder.result);
  std::vector<std::vector<Value>> rows;
  while (duckdb_data_chunk chunk = duckdb_fetch_chunk(holder.result)) {
    std::optional<Error> error;
    for (idx_t row = 0; row < duckdb_data_chunk_get_size(chunk) && !error; ++row) {
      auto& values = rows.emplace_back();
      for (idx_t column = 0; column < columns && !error; ++column) {
        auto value = value_at(duckdb_data_chunk_get_vector(chunk, column),
                              duckdb_column_type(&holder.result, column), row);
        if (value.ok())
          values.push_back(std::move(value).value());
        else
          error = value.error();
      }
    }
    duckdb_destroy_data_chunk(&chunk);
    if (error) return *error;
  }
  return rows;
}

namespace {

// What stands in one column of a chunk, as runs of equal values where it is not whole numbers.
void put_column(duckdb_vector vector, std::size_t rows, ColumnType type, std::size_t column,
                ParquetWriter& out) {
  std::uint64_t* validity = duckdb_vector_get_validity(vector);
  void* data = duckdb_vector_get_data(vector);
  if (!validity && (type == ColumnType::kLong || type == ColumnType::kTime))
    return out.longs(column, {static_cast<std::int64_t*>(data), rows});
  if (!validity && type == ColumnType::kDouble)
    return out.doubles(column, {static_cast<double*>(data), rows});
  const auto cell = [&](std::size_t row) -> Cell {
    if (validity && !duckdb_validity_row_is_valid(validity, row)) return {};
    switch (type) {
      case ColumnType::kText: {
        auto& text = static_cast<duckdb_string_t*>(data)[row];
        return std::string_view(duckdb_string_t_data(&text), duckdb_string_t_length(text));
      }
      case ColumnType::kDouble:
        return static_cast<double*>(data)[row];
      case ColumnType::kBoolean:
        return static_cast<bool*>(data)[row];
      default:
        return static_cast<std::int64_t*>(data)[row];
    }
  };
  for (std::size_t row = 0, end = 0; row < rows; row = end) {
    const Cell first = cell(row);
    const bool single = std::holds_alternative<double>(first);  // equal is not the same bits there
    for (end = row + 1; end < rows && !single && cell(end) == first;) ++end;
    out.same(column, first, end - row);
  }
}

}  // namespace

base::Status Session::write_query(const std::string& sql, std::span<const Column> columns,
                                  ParquetWriter& out) {
  duckdb_prepared_statement statement = nullptr;
  base::Status status;
  ResultHolder holder;
  if (duckdb_prepare(connection_, sql.c_str(), &statement) != DuckDBSuccess) {
    const char* message = duckdb_prepare_error(statement);
    status = Error(Code::kInternal, message ? message : "DuckDB gave no reason");
  } else if (duckdb_execute_prepared_streaming(statement, &holder.result) != DuckDBSuccess) {
    status = error_of(&holder.result, "reading rows");
  }
  while (status.ok()) {
    duckdb_data_chunk chunk = duckdb_fetch_chunk(holder.result);
    if (!chunk) break;
    for (std::size_t i = 0; i < columns.size(); ++i)
      put_column(duckdb_data_chunk_get_vector(chunk, i), duckdb_data_chunk_get_size(chunk),
                 columns[i].type, i, out);
    duckdb_destroy_data_chunk(&chunk);
    status = out.settle(false);
  }
  if (status.ok() && duckdb_result_error(&holder.result))
    status = error_of(&holder.result, "reading rows");
  duckdb_destroy_prepare(&statement);
  return status;
}

std::string sql_literal(std::string_view text) {
  std::string out = "'";
  for (char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

}  // namespace lander::lake
