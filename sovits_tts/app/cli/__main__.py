from sovits_tts.app.cli import main

main()
