# lander_module(NAME DEPS module... LINK library...)
#
# One folder under src/ = one static library = one namespace. Every *.cc of the folder belongs to it;
# *_test.cc are the module's own tests (one binary, test_NAME). DEPS are the only modules whose headers
# the folder may include: tools/check_layers.py reads them from here and compares.
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
    add_executable(test_${name} ${tests})
    target_link_libraries(test_${name} PRIVATE lander_${name} ${ARG_TEST_LINK} GTest::gtest_main Threads::Threads)
    gtest_discover_tests(test_${name} TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST
      PROPERTIES TIMEOUT 300)
  endif()
endfunction()
include(${CMAKE_CURRENT_LIST_DIR}/duckdb.cmake)
