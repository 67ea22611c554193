# SPDX-License-Identifier: GPL-3.0-or-later
# The Debian package: `cpack --config build/release/CPackConfig.cmake` (or installer/package.sh) writes moescope_VERSION_amd64.deb.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME moescope)
set(CPACK_PACKAGE_CONTACT "The MoEscope developers <moescope@localhost>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Plugins and fonts, which no library dependency names.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libqt6svg6, fonts-dejavu-core | fonts-freefont-ttf | fonts-liberation")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "qt6-wayland, qt6-translations-l10n")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "make pictures with mixture-of-experts diffusion models and see the routing")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
  "MoEscope runs sparse mixture-of-experts diffusion models and shows what their\nexperts do: which expert handled which part of the picture, at every evaluation\nand layer, while the picture forms.\n.\nIt opens published DSMoE, JiTMoE and JiT checkpoints, keeps every run as a\nsession that replays without the model, and exports routing for other programs.\nA small model is built in.")

# Debian wants the licences in one file called copyright, and a compressed changelog.
find_program(MOESCOPE_GZIP gzip)
set(copyright ${PROJECT_BINARY_DIR}/package/copyright)
file(WRITE ${copyright} "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: MoEscope

Files: *
Copyright: The MoEscope developers
License: GPL-3+
 On Debian systems the text is in /usr/share/common-licenses/GPL-3. The engine
 inside the programs stands under the Apache License, version 2.0
 (/usr/share/common-licenses/Apache-2.0). Bundled data have the licences that
 /usr/share/moescope/NOTICES.md names; their texts are in
 /usr/share/moescope/licenses.
")
install(FILES ${copyright} DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(MOESCOPE_GZIP)
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
  execute_process(COMMAND ${MOESCOPE_GZIP} -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md OUTPUT_FILE ${PROJECT_BINARY_DIR}/package/changelog.gz)
  install(FILES ${PROJECT_BINARY_DIR}/package/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR})
  foreach(page moescope.1 moescope-cli.1)
    execute_process(COMMAND ${MOESCOPE_GZIP} -9nc ${PROJECT_SOURCE_DIR}/resources/man/${page}
                    OUTPUT_FILE ${PROJECT_BINARY_DIR}/package/${page}.gz)
    install(FILES ${PROJECT_BINARY_DIR}/package/${page}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  endforeach()
endif()
install(FILES ${PROJECT_SOURCE_DIR}/resources/desktop/moescope.desktop DESTINATION ${CMAKE_INSTALL_DATADIR}/applications)
install(FILES ${PROJECT_SOURCE_DIR}/resources/desktop/moescope-session.xml DESTINATION ${CMAKE_INSTALL_DATADIR}/mime/packages)
install(FILES ${PROJECT_SOURCE_DIR}/resources/desktop/moescope.svg DESTINATION ${CMAKE_INSTALL_DATADIR}/icons/hicolor/scalable/apps)
include(CPack)
