# `ninja` builds the programs, `ninja all_tests` the tests too: a demo need not wait for them.
add_custom_target(all_tests)

# lander_module(NAME DEPS module... LINK library...)
#
# One folder under src/ = one static library = one namespace. Every *.cc of the folder belongs to it;
# *_test.cc are the module's own tests (one binary, test_NAME; run in the repository's root, from which they
# name the files they read: __FILE__ is whatever ccache made of it). DEPS are the only modules whose headers
# the folder may include: tools/check_layers.py reads them from here and compares.
find_package(GTest REQUIRED)
include(GoogleTest)
function(lander_module name)
  cmake_parse_arguments(ARG "" "" "DEPS;LINK;TEST_LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc ${CMAKE_CURRENT_SOURCE_DIR}/*.S)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  add_library(lander_${name} STATIC ${sources})
  target_include_directories(lander_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  foreach(dep ${ARG_DEPS})
    target_link_libraries(lander_${name} PUBLIC lander_${dep})
  endforeach()
  target_link_libraries(lander_${name} PRIVATE ${ARG_LINK})
  if(tests)
    add_executable(test_${name} EXCLUDE_FROM_ALL ${tests})
    add_dependencies(all_tests test_${name})
    target_link_libraries(test_${name} PRIVATE lander_${name} ${ARG_TEST_LINK} GTest::gtest_main Threads::Threads)
    gtest_discover_tests(test_${name} TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
      PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# Links TARGET with the modules that SOURCE includes.
function(lander_link_included target source)
  file(STRINGS ${source} includes REGEX "^#include \"[a-z]+/")
  foreach(line ${includes})
    string(REGEX REPLACE "^#include \"([a-z]+)/.*" "\\1" module ${line})
    target_link_libraries(${target} PRIVATE lander_${module})
  endforeach()
endfunction()

# lander_bench(NAME LINK library...): bench/NAME.cc with its own main(), and bench/NAME/*.cc where there are
# any, as bench_NAME; Google Benchmark is there to use. Links the modules they include. Built on demand
# (`./dev bench NAME`).
function(lander_bench name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  find_package(benchmark REQUIRED)
  file(GLOB parts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/${name}/*.cc)
  set(sources ${CMAKE_SOURCE_DIR}/bench/${name}.cc ${parts})
  add_executable(bench_${name} EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(bench_${name} PRIVATE ${ARG_LINK} benchmark::benchmark Threads::Threads)
  foreach(source ${sources})
    lander_link_included(bench_${name} ${source})
  endforeach()
endfunction()

# lander_fuzz(NAME): fuzz/NAME.cc, which defines LLVMFuzzerTestOneInput; links the modules it includes.
#
# With clang and -DLANDER_FUZZ=ON (`./dev fuzz NAME`): a libFuzzer program. Otherwise a ctest test that
# gives it every file of fuzz/corpus/NAME, cut and damaged in fixed ways: what fuzzing found stays found.
function(lander_fuzz name)
  set(source ${CMAKE_SOURCE_DIR}/fuzz/${name}.cc)
  add_executable(fuzz_${name} EXCLUDE_FROM_ALL ${source})
  lander_link_included(fuzz_${name} ${source})
  if(LANDER_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/fuzz_replay.cc)
    add_dependencies(all_tests fuzz_${name})
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/fuzz/corpus/${name})
  endif()
endfunction()

include(${CMAKE_CURRENT_LIST_DIR}/duckdb.cmake)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(rule layers paths)
  add_test(NAME rules.${rule}
    COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tools/check_${rule}.py)
endforeach()
add_test(NAME rules.selftest
  COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tools/check_selftest.py)
