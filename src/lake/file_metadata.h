// What a Parquet file of the lake says of itself, so that it is understood alone, years later:
// key-value pairs of JSON, documented in docs/formats/lake.md. Pure.
#pragma once

#include <string_view>

#include "lake/parquet.h"
#include "lake/rows.h"
#include "lake/tables.h"

namespace lander::lake {

inline constexpr std::size_t kMaxDeclarations = 4096;  // in one file; the first ones by name
inline constexpr std::size_t kMaxNamedSites = 1024;

// `context`: of the datastreams in the file.
ParquetWriter::Metadata metadata_of(std::string_view tenant, Table table, const Extent& extent,
                                    const Context& context);

}  // namespace lander::lake
