# tenon_add_module_test(NAME [SOURCES] source... [USES module...] [INCLUDES folder...])
#
# A GoogleTest program in which the sources of one module run on the host, with ASan and UBSan, on the
# mock core (module-sdk/mock); each TEST is one of CTest. Give it the test, and the module's own sources.
#
# The mock core is built with the first test of a build. -DTENON_MOCK_LIBRARY=.../libtenon_mock_core.a takes the one of
# another build, with the same SDK.
include_guard(DIRECTORY)

if(DEFINED TENON_SDK_DIR)
    set(TENON_MOCK_DIR ${TENON_SDK_DIR}/share/tenon/mock)
    set(TENON_MOCK_CORE ${TENON_MOCK_DIR})
    set(TENON_MOCK_HEADERS ${TENON_SDK_DIR}/include)
else()
    set(TENON_MOCK_DIR ${CMAKE_SOURCE_DIR}/module-sdk/mock)
    set(TENON_MOCK_CORE ${CMAKE_SOURCE_DIR})
    set(TENON_MOCK_HEADERS ${CMAKE_SOURCE_DIR}/core/include
                           ${CMAKE_SOURCE_DIR}/core/arch/${TENON_ARCH}/include)
endif()

function(tenon_mock_flags target)
    target_include_directories(${target} PRIVATE ${TENON_MOCK_DIR}/arch ${TENON_MOCK_DIR}/include
        ${TENON_MOCK_HEADERS} ${TENON_MOCK_CORE}
        $<TARGET_PROPERTY:module_interface.pci,INTERFACE_INCLUDE_DIRECTORIES>
        $<TARGET_PROPERTY:module_interface.block_core,INTERFACE_INCLUDE_DIRECTORIES>
        $<TARGET_PROPERTY:module_interface.net_core,INTERFACE_INCLUDE_DIRECTORIES>)
    target_compile_features(${target} PRIVATE cxx_std_23)
    target_compile_definitions(${target} PRIVATE TENON_DEBUG=1 BOOST_ENABLE_ASSERT_HANDLER=1)
    target_compile_options(${target} PRIVATE -g -O1 -fno-omit-frame-pointer
        -fsanitize=address,undefined -fno-sanitize-recover=all -fno-sanitize=vptr -Wall -Wextra
        -Wno-unused-parameter -Wno-missing-field-initializers)
endfunction()

function(tenon_add_module_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;INCLUDES")
    find_package(GTest REQUIRED)
    find_package(Threads REQUIRED)
    include(GoogleTest)
    if(NOT TARGET tenon_mock_core AND TENON_MOCK_LIBRARY)
        add_library(tenon_mock_core STATIC IMPORTED)
        set_target_properties(tenon_mock_core PROPERTIES IMPORTED_LOCATION ${TENON_MOCK_LIBRARY})
    elseif(NOT TARGET tenon_mock_core)
        file(GLOB sources ${TENON_MOCK_DIR}/src/*.cpp)
        # What is the same on the host is the kernel's own.
        add_library(tenon_mock_core STATIC ${sources} ${TENON_MOCK_CORE}/core/device/lease.cpp
                    ${TENON_MOCK_CORE}/core/lib/format.cpp
                    ${TENON_MOCK_CORE}/core/module/parameter.cpp
                    ${TENON_MOCK_CORE}/core/module/text.cpp
                    ${TENON_MOCK_CORE}/modules/net/core/packet.cpp)
        tenon_mock_flags(tenon_mock_core)
        if(DEFINED TENON_SDK_DIR)
            set_target_properties(tenon_mock_core PROPERTIES EXCLUDE_FROM_ALL TRUE)
        endif()
    endif()
    add_executable(${name} ${arg_UNPARSED_ARGUMENTS} ${arg_SOURCES})
    tenon_mock_flags(${name})
    target_include_directories(${name} PRIVATE ${arg_INCLUDES})
    target_compile_options(${name} PRIVATE "SHELL:-iquote ${CMAKE_CURRENT_SOURCE_DIR}")
    foreach(used IN LISTS arg_USES)
        target_include_directories(${name} PRIVATE
            $<TARGET_PROPERTY:module_interface.${used},INTERFACE_INCLUDE_DIRECTORIES>)
    endforeach()
    target_link_options(${name} PRIVATE -fsanitize=address,undefined)
    target_link_libraries(${name} PRIVATE tenon_mock_core GTest::gtest GTest::gtest_main
                          Threads::Threads)
    # Outside the tree: built and run by the target `check`, so that the module alone builds fast.
    if(DEFINED TENON_SDK_DIR)
        set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
        if(NOT TARGET check)
            add_custom_target(check COMMAND ${CMAKE_CTEST_COMMAND} --output-on-failure
                              USES_TERMINAL)
        endif()
        add_dependencies(check ${name})
    endif()
    gtest_discover_tests(${name} PROPERTIES LABELS host DISCOVERY_TIMEOUT 60)
endfunction()
