# tenon_add_module(NAME [SOURCES] source... [USES module...] [INTERFACE folder] [INCLUDES folder...])
#
#   USES       modules whose interface headers this one includes and whose exports it may import
#   INTERFACE  folder with the headers that this module offers to others (default: include/, if there)
#
# Makes ko/NAME.ko (stripped, ready to load), ko/NAME.ko.debug (for gdb) and exports/NAME.exports (what
# it exports, with type checksums). Used alike by the kernel's own tree and, through
# find_package(TenonModule), by a project that has only the SDK.
include_guard(GLOBAL)

# In the kernel's tree the build folder holds what the SDK would.
if(NOT DEFINED TENON_SDK_DIR)
    set(TENON_MODULE_LINK_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/module.lds)
    set(TENON_MODULE_API tenon_kernel_api)
    set(TENON_EXPORTS_DIRS ${CMAKE_BINARY_DIR}/exports)
endif()
set(TENON_KO_DIR ${CMAKE_BINARY_DIR}/ko)
set(TENON_OWN_EXPORTS_DIR ${CMAKE_BINARY_DIR}/exports)

# Everything that loads: `cmake --build . --target modules`.
if(NOT TARGET modules)
    add_custom_target(modules ALL)
endif()

function(tenon_add_module name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "INTERFACE" "SOURCES;USES;INCLUDES")
    set(sources ${arg_UNPARSED_ARGUMENTS} ${arg_SOURCES})
    if(NOT sources)
        message(FATAL_ERROR "tenon_add_module(${name}): no sources")
    endif()
    if(NOT arg_INTERFACE)
        set(arg_INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}/include)
    endif()

    add_library(module_interface.${name} INTERFACE)
    if(IS_DIRECTORY ${arg_INTERFACE})
        target_include_directories(module_interface.${name} INTERFACE ${arg_INTERFACE})
        set_property(GLOBAL APPEND PROPERTY TENON_MODULE_INTERFACES ${name}=${arg_INTERFACE})
    endif()

    add_library(module_objects.${name} OBJECT ${sources})
    target_link_libraries(module_objects.${name} PRIVATE ${TENON_MODULE_API}
                          module_interface.${name})
    target_compile_options(module_objects.${name} PRIVATE
        "$<$<COMPILE_LANGUAGE:CXX>:${TENON_MODULE_COMPILE_OPTIONS};-Wno-unused-parameter>")
    target_compile_definitions(module_objects.${name} PRIVATE TENON_MODULE_NAME="${name}")
    # Quoted includes of a module's own files are by path from its folder, or from the tree's root.
    target_include_directories(module_objects.${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}
                               ${CMAKE_SOURCE_DIR} ${arg_INCLUDES})
    foreach(used IN LISTS arg_USES)
        target_include_directories(module_objects.${name} PRIVATE
            $<TARGET_PROPERTY:module_interface.${used},INTERFACE_INCLUDE_DIRECTORIES>)
    endforeach()

    set(full ${CMAKE_CURRENT_BINARY_DIR}/${name}.full.o)
    set(stripped ${CMAKE_CURRENT_BINARY_DIR}/${name}.stripped.o)
    set(ko ${TENON_KO_DIR}/${name}.ko)
    file(MAKE_DIRECTORY ${TENON_KO_DIR} ${TENON_OWN_EXPORTS_DIR})
    add_custom_command(OUTPUT ${full}
        COMMAND ${CMAKE_LINKER} -r --force-group-allocation --build-id=sha1
                -T ${TENON_MODULE_LINK_SCRIPT} -o ${full}
                $<TARGET_OBJECTS:module_objects.${name}>
        DEPENDS module_objects.${name} $<TARGET_OBJECTS:module_objects.${name}>
                ${TENON_MODULE_LINK_SCRIPT}
        COMMAND_EXPAND_LISTS VERBATIM)
    add_custom_command(OUTPUT ${ko} ${ko}.debug
        COMMAND ${CMAKE_STRIP} --strip-debug -o ${ko} ${full}
        COMMAND ${CMAKE_OBJCOPY} --only-keep-debug ${full} ${ko}.debug
        DEPENDS ${full}
        COMMENT "Module ${name}.ko" VERBATIM)
    add_custom_target(module.${name} DEPENDS ${ko})
    add_dependencies(modules module.${name})
endfunction()
