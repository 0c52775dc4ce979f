# tenon_add_module(NAME [SOURCES] source... [USES module...] [INTERFACE folder] [INCLUDES folder...]
#                  [TEST file])
#
#   USES       modules whose interface headers this one includes and whose exports it may import
#   INTERFACE  folder with the headers that this module offers to others (default: include/, if there)
#   TEST       source of NAME_test, which runs the module on the host: made if the file and GoogleTest
#              (Debian: libgtest-dev) are there
#
# With TENON_SIGNING_KEY (a private key of Ed25519 in PEM) the module is signed.
#
# Makes ko/NAME.ko (stripped, ready to load), ko/NAME.ko.debug (for gdb) and exports/NAME.exports (what
# it exports, with type checksums). Used alike by the kernel's own tree and, through
# find_package(TenonModule), by a project that has only the SDK.
include_guard(DIRECTORY)

# In the kernel's tree the build folder holds what the SDK would.
if(NOT DEFINED TENON_SDK_DIR)
    set(TENON_MODULE_LINK_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/module.lds)
    set(TENON_MODULE_API tenon_kernel_api)
    set(TENON_MODPOST tenon_modpost)
    set(TENON_EXPORTS_DIR ${CMAKE_BINARY_DIR}/exports)
    set(TENON_HEADER_DIRS ${CMAKE_SOURCE_DIR}/core/include
                          ${CMAKE_SOURCE_DIR}/core/arch/${TENON_ARCH}/include)
    get_property(TENON_API_HEADERS GLOBAL PROPERTY TENON_API_HEADERS)
    set(TENON_SIGN ${CMAKE_SOURCE_DIR}/module-sdk/sign.py)
    set(TENON_SIGNING_KEY ${CMAKE_BINARY_DIR}/signing/key.pem)
    set(TENON_SIGNER "Tenon build key")
endif()
set(TENON_KO_DIR ${CMAKE_BINARY_DIR}/ko)
set(TENON_OWN_EXPORTS_DIR ${CMAKE_BINARY_DIR}/exports)

# Everything that loads: `cmake --build . --target modules`. Tests have a target of their own.
if(NOT DEFINED TENON_MODULES_TARGET)
    set(TENON_MODULES_TARGET modules)
endif()
if(NOT TARGET ${TENON_MODULES_TARGET})
    add_custom_target(${TENON_MODULES_TARGET} ALL)
endif()

function(tenon_add_module name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "TRUSTED" "INTERFACE;TEST" "SOURCES;USES;INCLUDES")
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
    if(NOT arg_TRUSTED)
        # Locks are let go when a fault ends a call into it.
        target_compile_definitions(module_objects.${name} PRIVATE TENON_TRACKS_LOCKS=1)
    endif()
    # Quoted includes of a module's own files are by path from its folder, or from the tree's root;
    # in angle brackets they are not seen, so that an errno.h of its own hides nobody's.
    target_compile_options(module_objects.${name} PRIVATE
        "SHELL:-iquote ${CMAKE_CURRENT_SOURCE_DIR}" "SHELL:-iquote ${CMAKE_SOURCE_DIR}")
    target_include_directories(module_objects.${name} PRIVATE ${arg_INCLUDES})
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
    # What it is linked against: the core's exports, and those of the modules it uses, which are in
    # this build or in the SDK.
    set(use_options --use ${TENON_EXPORTS_DIR}/core.exports)
    set(use_files ${TENON_EXPORTS_DIR}/core.exports)
    foreach(used IN LISTS arg_USES)
        get_property(file GLOBAL PROPERTY TENON_EXPORTS_OF_${used})
        if(NOT file)
            set(file ${TENON_EXPORTS_DIR}/${used}.exports)
            if(DEFINED TENON_SDK_DIR AND NOT EXISTS ${file})
                set(file ${TENON_OWN_EXPORTS_DIR}/${used}.exports)
            endif()
        endif()
        list(APPEND use_options --use ${file})
        list(APPEND use_files ${file})
    endforeach()
    list(TRANSFORM TENON_HEADER_DIRS PREPEND "--headers;" OUTPUT_VARIABLE header_options)
    set(own_exports ${TENON_OWN_EXPORTS_DIR}/${name}.exports)
    set_property(GLOBAL PROPERTY TENON_EXPORTS_OF_${name} ${own_exports})
    set(sign_command)
    if(TENON_SIGNING_KEY)
        find_package(Python3 REQUIRED COMPONENTS Interpreter)
        set(sign_command COMMAND ${Python3_EXECUTABLE} ${TENON_SIGN} sign --key ${TENON_SIGNING_KEY}
            --signer ${TENON_SIGNER} ${ko})
    endif()
    add_custom_command(OUTPUT ${ko} ${ko}.debug ${own_exports}
        COMMAND ${CMAKE_STRIP} --strip-debug -o ${stripped} ${full}
        COMMAND ${TENON_MODPOST} module --name ${name} ${header_options} ${use_options}
                ${TENON_MODPOST_OPTIONS} --exports ${own_exports} --full ${full} --out ${ko}
                ${stripped}
        ${sign_command}
        COMMAND ${CMAKE_OBJCOPY} --only-keep-debug ${full} ${ko}.debug
        DEPENDS ${full} ${TENON_MODPOST} ${use_files} ${TENON_API_HEADERS} ${TENON_SIGN}
                ${TENON_SIGNING_KEY}
        COMMENT "Module ${name}.ko" VERBATIM)
    add_custom_target(module.${name} DEPENDS ${ko})
    add_dependencies(${TENON_MODULES_TARGET} module.${name})
    if(TARGET tenon_core_exports)
        add_dependencies(module.${name} tenon_core_exports)
    endif()
    set_property(GLOBAL APPEND PROPERTY TENON_MODULES ${name})

    if(BUILD_TESTING AND arg_TEST AND EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${arg_TEST})
        find_package(GTest QUIET)
        if(GTest_FOUND)
            tenon_add_module_test(${name}_test ${arg_TEST} ${sources} USES ${arg_USES}
                                  INCLUDES ${arg_INCLUDES})
        endif()
    endif()
endfunction()
