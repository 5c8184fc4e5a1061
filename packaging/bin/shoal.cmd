@echo off
rem The command of an installed Shoal: its own runtime, its own code, wherever the folder lies.
"%~dp0..\lib\node.exe" "%~dp0..\lib\node_modules\@shoal\cli\bin\shoal.js" %*
