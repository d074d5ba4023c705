# duckdb::duckdb: DuckDB's shared library and C header, fetched by `./dev setup build`.
#
# The library is npm's @duckdb/node-bindings-linux-* (the same that DuckDB publishes for C), the header
# is from npm's duckdb 1.4.4 (the C API is forward compatible). Binaries find the library by the
# rpath that CMake writes for an imported library.
set(LANDER_DUCKDB ${CMAKE_SOURCE_DIR}/build/deps/duckdb CACHE PATH "where libduckdb.so and include/ stand")
if(NOT TARGET duckdb::duckdb)
  if(NOT EXISTS ${LANDER_DUCKDB}/libduckdb.so OR NOT EXISTS ${LANDER_DUCKDB}/include/duckdb.h)
    message(FATAL_ERROR "DuckDB is not at ${LANDER_DUCKDB}: run ./dev setup build first")
  endif()
  add_library(duckdb::duckdb SHARED IMPORTED GLOBAL)
  set_target_properties(duckdb::duckdb PROPERTIES
    IMPORTED_LOCATION ${LANDER_DUCKDB}/libduckdb.so
    INTERFACE_INCLUDE_DIRECTORIES ${LANDER_DUCKDB}/include)
endif()
