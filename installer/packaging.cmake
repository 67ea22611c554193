# SPDX-License-Identifier: GPL-3.0-or-later
# The Debian package: `cpack --config build/release/CPackConfig.cmake` (or installer/package.sh) writes moescope_VERSION_amd64.deb.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME moescope)
set(CPACK_PACKAGE_VENDOR "The MoEscope developers")
# Names nobody's mailbox; whoever distributes the package gives an address: cmake -DMOESCOPE_MAINTAINER="Name <mail>".
set(MOESCOPE_MAINTAINER "The MoEscope developers <maintainers@moescope.invalid>" CACHE STRING "Maintainer of the Debian package")
set(CPACK_PACKAGE_CONTACT ${MOESCOPE_MAINTAINER})
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# Plugins and fonts, which no library dependency names.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libqt6svg6, fonts-dejavu-core | fonts-freefont-ttf | fonts-liberation")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "qt6-wayland, qt6-translations-l10n")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "fonts-noto-color-emoji, unicode-cldr-core")  # what 'dataset emoji' draws and names
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "make pictures with mixture-of-experts diffusion models and see the routing")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
  "MoEscope runs sparse mixture-of-experts diffusion models and shows what their\nexperts do: which expert handled which part of the picture, at every evaluation\nand layer, while the picture forms.\n.\nIt opens published DSMoE, JiTMoE and JiT checkpoints, keeps every run as a\nsession that replays without the model, and exports routing for other programs.\nA small model is built in.")
# Documents that Debian wants under other names are in a component of their own.
set(CPACK_INSTALL_CMAKE_PROJECTS
    "${PROJECT_BINARY_DIR};${PROJECT_NAME};Unspecified;/"
    "${PROJECT_BINARY_DIR};${PROJECT_NAME};debian;/")

set(package ${PROJECT_BINARY_DIR}/package-files)
file(MAKE_DIRECTORY ${package})

# Debian wants all licences in one file called copyright, with the texts that it does not have itself.
set(MOESCOPE_LICENCE_PARAGRAPHS "")
foreach(licence OFL-1.1 Unicode-DFS-2016 BSD-3-Clause-torchvision WordNet-3.0 MIT-nlohmann-json BSD-3-Clause-CLI11 MIT-fmt)
  set(text ${PROJECT_SOURCE_DIR}/resources/licenses/${licence}.txt)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${text})
  file(READ ${text} paragraph)
  string(STRIP "${paragraph}" paragraph)
  string(REGEX REPLACE "\n[ \t]*\n" "\n.\n" paragraph "${paragraph}")
  string(REGEX REPLACE "\n[ \t]*\n" "\n.\n" paragraph "${paragraph}")  # for a second empty line
  string(REPLACE "\n" "\n " paragraph "${paragraph}")
  string(APPEND MOESCOPE_LICENCE_PARAGRAPHS "\nLicense: ${licence}\n ${paragraph}\n")
endforeach()
string(STRIP "${MOESCOPE_LICENCE_PARAGRAPHS}" MOESCOPE_LICENCE_PARAGRAPHS)
set(MOESCOPE_LICENCE_PARAGRAPHS "\n${MOESCOPE_LICENCE_PARAGRAPHS}")
configure_file(${PROJECT_SOURCE_DIR}/installer/debian/copyright.in ${package}/copyright @ONLY)
string(TIMESTAMP MOESCOPE_PACKAGE_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)  # SOURCE_DATE_EPOCH makes it reproducible
configure_file(${PROJECT_SOURCE_DIR}/installer/debian/changelog.in ${package}/changelog.Debian @ONLY)
install(FILES ${package}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT debian EXCLUDE_FROM_ALL)

find_program(MOESCOPE_GZIP gzip)
if(MOESCOPE_GZIP)
  # packed FILE NAME: NAME.gz in the folder of the package's files.
  function(packed file name)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    execute_process(COMMAND ${MOESCOPE_GZIP} -9nc ${file} OUTPUT_FILE ${package}/${name}.gz)
  endfunction()
  packed(${PROJECT_SOURCE_DIR}/CHANGELOG.md changelog)
  packed(${package}/changelog.Debian changelog.Debian)
  install(FILES ${package}/changelog.gz ${package}/changelog.Debian.gz DESTINATION ${CMAKE_INSTALL_DOCDIR}
          COMPONENT debian EXCLUDE_FROM_ALL)
  foreach(page moescope.1 moescope-cli.1)
    packed(${PROJECT_SOURCE_DIR}/resources/man/${page} ${page})
    install(FILES ${package}/${page}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  endforeach()
endif()
install(FILES ${PROJECT_SOURCE_DIR}/resources/desktop/moescope.desktop DESTINATION ${CMAKE_INSTALL_DATADIR}/applications)
install(FILES ${PROJECT_SOURCE_DIR}/resources/desktop/moescope-session.xml DESTINATION ${CMAKE_INSTALL_DATADIR}/mime/packages)
install(FILES ${PROJECT_SOURCE_DIR}/resources/desktop/moescope.svg DESTINATION ${CMAKE_INSTALL_DATADIR}/icons/hicolor/scalable/apps)
# The CUDA plugin goes with `cmake --install`, not into the package: it needs libraries that Debian does not have.
if(TARGET moescope_cuda)
  install(TARGETS moescope_cuda LIBRARY DESTINATION lib/moescope COMPONENT cuda)
endif()
include(CPack)
